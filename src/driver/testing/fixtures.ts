import type { PreparedClaim } from '../../claims/ledger.ts';
import { parseCpuList } from '../../cpuset/parse.ts';
import type { ContainerFacts } from '../container.ts';

/** A running container; its pod is its own and has its name unless `facts` say otherwise. */
export function containerFacts(id: string, facts: Partial<ContainerFacts> = {}): ContainerFacts {
  return {
    id,
    name: 'main',
    podUid: `pod-${id}`,
    podNamespace: 'shop',
    podName: id,
    env: [],
    cpus: '',
    mems: '',
    pid: 4711,
    cgroupsPath: '',
    ...facts,
  };
}

/** A prepared claim with these CPUs, its memory bound where NUMA nodes are given. */
export function preparedClaim(
  uid: string,
  list: string,
  { memoryNodes }: { memoryNodes?: string } = {},
): PreparedClaim {
  const cpus = parseCpuList(list);
  const assignments = [{ request: 'cpus', pool: 'node-a', device: 'cpudevnuma000', shareId: undefined, cpus }];
  const claim = { uid, namespace: 'shop', name: uid, assignments, cpus };
  return memoryNodes === undefined ? claim : { ...claim, memoryNodes: parseCpuList(memoryNodes) };
}
