import type { CpuTopology } from './topology.ts';

/** What `dracpu topology -o json` prints. Keys that are not known are absent; CPU sets are Linux lists. */
export function topologyToJson(topology: CpuTopology): object {
  const { cpus, sockets, cores, l3Caches, numaNodes, pcieRoots, problems } = topology;
  return {
    apiVersion: 'dra.cpu/v1alpha1',
    kind: 'CPUTopology',
    cpus,
    sockets,
    cores,
    l3Caches,
    numaNodes,
    offline: topology.offline,
    isolated: topology.isolated,
    nohzFull: topology.nohzFull,
    pcieRoots,
    problems,
  };
}
