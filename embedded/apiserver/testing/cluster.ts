import { startControllers } from '../store/controllers.ts';
import { ObjectStore, type StoreOptions } from '../store/object-store.ts';

/** A store with the namespaces "default" and "shop", its controllers running. */
export function newCluster(options: StoreOptions = {}): ObjectStore {
  const store = new ObjectStore(options);
  startControllers(store);
  for (const name of ['default', 'shop']) store.create('namespaces', { metadata: { name } });
  return store;
}

/** A pod that the server accepts. */
export function pod(name: string, spec: object = {}): { metadata: { name: string }; spec: object } {
  return { metadata: { name }, spec: { containers: [{ name: 'main', image: 'busybox' }], ...spec } };
}

/** A claim for whole devices of class dra.cpu. */
export function claim(name: string, exactly: object = {}): { metadata: { name: string }; spec: object } {
  const request = { name: 'cpu', exactly: { deviceClassName: 'dra.cpu', ...exactly } };
  return { metadata: { name }, spec: { devices: { requests: [request] } } };
}

/** A slice of a node's only pool. */
export function slice(
  nodeName: string,
  devices: readonly object[],
): { metadata: object; spec: Record<string, unknown> } {
  return {
    metadata: { name: `00000-dra.cpu-${nodeName}` },
    spec: { driver: 'dra.cpu', nodeName, pool: { name: nodeName, generation: 1, resourceSliceCount: 1 }, devices },
  };
}
