import { NAMESPACE_FINALIZER } from '../kinds/core.ts';
import type { ObjectStore } from './object-store.ts';

function contents(store: ObjectStore, namespace: string): { resource: string; name: string }[] {
  return [...store.kinds.values()]
    .filter((kind) => kind.namespaced && !kind.alias)
    .flatMap((kind) =>
      store.list(kind.key, { namespace }).items.map((object) => ({ resource: kind.key, name: object.metadata.name })),
    );
}

function finishIfEmpty(store: ObjectStore, name: string): void {
  const namespace = store.find('namespaces', name);
  if (namespace?.metadata.deletionTimestamp === undefined || contents(store, name).length > 0) return;
  const finalizers = namespace.metadata.finalizers?.filter((finalizer) => finalizer !== NAMESPACE_FINALIZER);
  store.update('namespaces', { ...namespace, metadata: { ...namespace.metadata, finalizers } });
}

/** Empties namespaces that are deleted and lets them go when they are empty, until the returned function is called. */
export function startNamespaceController(store: ObjectStore): () => void {
  const stops = [...store.kinds.values()]
    .filter((kind) => kind.namespaced && !kind.alias)
    .map((kind) =>
      store.watch(kind.key, ({ type, object }) => {
        if (type === 'DELETED') finishIfEmpty(store, object.metadata.namespace ?? '');
      }),
    );
  stops.push(
    store.watch('namespaces', ({ type, object }) => {
      if (type === 'DELETED' || object.metadata.deletionTimestamp === undefined) return;
      const namespace = object.metadata.name;
      for (const { resource, name } of contents(store, namespace)) store.delete(resource, name, { namespace });
      finishIfEmpty(store, namespace);
    }),
  );
  return () => {
    for (const stop of stops) stop();
  };
}
