import { Ledger } from '../../claims/ledger.ts';
import { parseCpuList } from '../../cpuset/parse.ts';
import type { CpuTopology } from '../../topology/topology.ts';
import type { MappedContainer, NodeState } from '../cpu-map.ts';

/** A claim of the namespace "shop", with one container unless `running` is false. */
export interface StateClaim {
  readonly name: string;
  readonly cpus: string;
  readonly running?: boolean;
}

/** A node whose claims hold the CPUs they are said to hold, with one shared container. */
export function nodeState(
  topology: CpuTopology,
  { reserved = '', claims = [] }: { readonly reserved?: string; readonly claims?: readonly StateClaim[] } = {},
): NodeState {
  const reservedCpus = parseCpuList(reserved);
  const ledger = new Ledger({ allocatable: topology.online.difference(reservedCpus), reserved: reservedCpus });
  const containers: MappedContainer[] = [];
  for (const { name, cpus: list, running = true } of claims) {
    const [uid, cpus] = [`uid-${name}`, parseCpuList(list)];
    const assignment = { request: 'cpus', pool: 'worker', device: 'cpudevnuma000', shareId: undefined, cpus };
    ledger.adopt({ uid, namespace: 'shop', name, cpus, assignments: [assignment] });
    if (running) containers.push({ podNamespace: 'shop', podName: `${name}-0`, name: 'main', cpus, claimUids: [uid] });
  }
  const { sharedPool } = ledger;
  containers.push({ podNamespace: 'kube-system', podName: 'dns', name: 'dns', cpus: sharedPool, claimUids: [] });
  return {
    nodeName: 'worker',
    version: '0.1.0',
    runtime: 'containerd v2.1.4',
    topology,
    ledger,
    containers,
    conditions: [{ name: 'nri-synchronized', ok: true }],
    findings: [],
  };
}
