import type { KubeObject } from '../../../src/resource-api/kube-object.ts';
import { type ObjectKey, OwnerIndex } from './owner-index.ts';
import type { ObjectStore } from './object-store.ts';

/** Takes the references to an owner from its dependents, so that they stay when it goes. */
export function orphanDependents(store: ObjectStore, uid: string): void {
  for (const kind of store.kinds.values()) {
    if (kind.alias) continue;
    for (const object of store.list(kind.key).items) dropReference(store, kind.key, { object, uid });
  }
}

function dropReference(store: ObjectStore, resource: string, from: { object: KubeObject; uid: string }): void {
  const { metadata } = from.object;
  const ownerReferences = metadata.ownerReferences?.filter((owner) => owner.uid !== from.uid);
  if (ownerReferences === undefined || ownerReferences.length === metadata.ownerReferences?.length) return;
  store.update(resource, { ...from.object, metadata: { ...metadata, ownerReferences } });
}

/** A dependent of an owner that is gone goes too; one with another owner loses the reference only. */
function release(store: ObjectStore, where: ObjectKey, goneUid: string): void {
  const dependent = store.find(where.resource, where.name, where);
  if (!dependent) return;
  if (where.isOrphan) {
    store.delete(where.resource, where.name, where);
    return;
  }
  dropReference(store, where.resource, { object: dependent, uid: goneUid });
}

/**
 * Deletes what depends on deleted owners until the returned function is called. Foreground propagation is
 * treated as background.
 */
export function startGarbageCollector(store: ObjectStore): () => void {
  const index = new OwnerIndex();
  const stops = [...store.kinds.values()]
    .filter((kind) => !kind.alias)
    .map((kind) =>
      store.watch(kind.key, ({ type, object }) => {
        if (type !== 'DELETED') return index.put(kind.key, object);
        index.remove(object.metadata.uid);
        for (const dependent of index.dependentsOf(object.metadata.uid)) release(store, dependent, object.metadata.uid);
      }),
    );
  return () => {
    for (const stop of stops) stop();
  };
}
