import type { KubeObject } from '../../../src/resource-api/kube-object.ts';
import { NAMESPACE_FINALIZER } from '../kinds/core.ts';
import type { ObjectStore } from './object-store.ts';

/** An object and the resource it is one of. */
interface Located {
  readonly resource: string;
  readonly object: KubeObject;
}

/** The stored objects of a namespace, or of the whole cluster. */
function listAll(store: ObjectStore, namespace?: string): Located[] {
  return [...store.kinds.values()]
    .filter((kind) => !kind.alias && (namespace === undefined || kind.namespaced))
    .flatMap((kind) => store.list(kind.key, { namespace }).items.map((object) => ({ resource: kind.key, object })));
}

/** Lets go of what names a deleted owner: it goes too, unless another of its owners exists. */
function releaseDependents(store: ObjectStore, uid: string): void {
  const all = listAll(store);
  const existing = new Set(all.map(({ object }) => object.metadata.uid));
  for (const { resource, object } of all) {
    const { ownerReferences = [], name, namespace } = object.metadata;
    if (!ownerReferences.some((owner) => owner.uid === uid)) continue;
    const others = ownerReferences.filter((owner) => existing.has(owner.uid));
    if (others.length === 0) store.delete(resource, name, { namespace });
    else store.update(resource, { ...object, metadata: { ...object.metadata, ownerReferences: others } });
  }
}

function finishNamespace(store: ObjectStore, name: string): void {
  const namespace = store.find('namespaces', name);
  if (namespace?.metadata.deletionTimestamp === undefined || listAll(store, name).length > 0) return;
  const finalizers = namespace.metadata.finalizers?.filter((finalizer) => finalizer !== NAMESPACE_FINALIZER);
  store.update('namespaces', { ...namespace, metadata: { ...namespace.metadata, finalizers } });
}

function emptyNamespace(store: ObjectStore, name: string): void {
  for (const { resource, object } of listAll(store, name))
    store.delete(resource, object.metadata.name, { namespace: name });
  finishNamespace(store, name);
}

/**
 * Deletes what depends on deleted owners, and empties namespaces that are deleted before it lets them go, until the returned
 * function is called. Foreground and orphan propagation are treated as background.
 */
export function startControllers(store: ObjectStore): () => void {
  const stops = [...store.kinds.values()]
    .filter((kind) => !kind.alias)
    .map((kind) =>
      store.watch(kind.key, ({ type, object }) => {
        const { uid, name, namespace, deletionTimestamp } = object.metadata;
        if (type === 'DELETED') {
          releaseDependents(store, uid);
          if (namespace !== undefined) finishNamespace(store, namespace);
        } else if (kind.key === 'namespaces' && deletionTimestamp !== undefined) emptyNamespace(store, name);
      }),
    );
  return () => {
    for (const stop of stops) stop();
  };
}
