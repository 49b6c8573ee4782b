import { randomUUID } from 'node:crypto';
import type { Pod } from '../apiserver/object-types.ts';
import type { ObjectStore } from '../apiserver/store/object-store.ts';
import { DeviceUsage } from '../../src/resource-api/allocation/device-usage.ts';
import { poolsOf } from '../../src/resource-api/allocation/device-pool.ts';
import { isActive } from './node-fit.ts';
import type { ClusterView } from './placement-of-pod.ts';

/** Reads the cluster as it is now, for placing one pod after the other. */
export function viewCluster(store: ObjectStore): ClusterView {
  const podsByNode = new Map<string, Pod[]>();
  for (const pod of store.list('pods').items) {
    const { nodeName } = pod.spec;
    if (nodeName === undefined || !isActive(pod)) continue;
    const pods = podsByNode.get(nodeName);
    if (pods) pods.push(pod);
    else podsByNode.set(nodeName, [pod]);
  }
  return {
    nodes: store.list('nodes').items,
    pools: poolsOf(store.list('resourceslices').items),
    podsByNode,
    classes: new Map(store.list('deviceclasses').items.map((deviceClass) => [deviceClass.metadata.name, deviceClass])),
    usage: DeviceUsage.of(store.list('resourceclaims').items),
    newShareId: randomUUID,
  };
}
