import { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuGroup, MachineFacts } from './facts.ts';
import type { CoreType, Cpu, CpuTopology, NumaNode } from './topology.ts';

/** The groups cut down to `cpus`, without empty ones, in order of their lowest CPU. */
function orderGroups<Group extends CpuGroup>(groups: readonly Group[], cpus: CpuSet): Group[] {
  return groups
    .map((group) => ({ ...group, cpus: group.cpus.intersection(cpus) }))
    .filter((group) => !group.cpus.isEmpty)
    .sort((a, b) => (a.cpus.first ?? 0) - (b.cpus.first ?? 0));
}

/** The place in `groups` of each CPU. */
function mapToOrdinal(groups: readonly { readonly cpus: CpuSet }[]): Map<number, number> {
  const ordinals = new Map<number, number>();
  for (const [ordinal, { cpus }] of groups.entries()) for (const cpu of cpus) ordinals.set(cpu, ordinal);
  return ordinals;
}

/**
 * Each CPU in one node only, the lowest of those that list it; a CPU that none lists goes to the lowest node that has
 * CPUs. A machine without nodes has node 0 (`CONFIG_NUMA=n` kernels show no node directory).
 */
function partitionNodes(nodes: readonly NumaNode[], cpus: CpuSet): NumaNode[] {
  if (nodes.length === 0) return [{ numaNode: 0, cpus, hasMemory: undefined, distances: undefined }];
  let left = cpus;
  const parts = nodes
    .toSorted((a, b) => a.numaNode - b.numaNode)
    .map((node) => {
      const own = node.cpus.intersection(left);
      left = left.difference(own);
      return { ...node, cpus: own };
    });
  if (left.isEmpty) return parts;
  const home = parts.find((node) => !node.cpus.isEmpty) ?? parts[0];
  return parts.map((node) => (node === home ? { ...node, cpus: node.cpus.union(left) } : node));
}

function coreTypeOf(cpu: number, eCores: CpuSet | undefined): CoreType {
  if (!eCores) return 'standard';
  return eCores.has(cpu) ? 'e-core' : 'p-core';
}

/**
 * Puts the facts in order: dense ordinals by lowest CPU, every CPU in one socket, one core and one NUMA node.
 *
 * A CPU that no core holds is in none of the results' sets, so that capacities count usable CPUs only; whoever collected
 * the facts reports it among the problems.
 */
export function buildTopology(facts: MachineFacts): CpuTopology {
  const online = CpuSet.unionOf(facts.cores.map((core) => core.cpus)).intersection(facts.online);
  const sockets = orderGroups(facts.sockets, online);
  const cores = orderGroups(facts.cores, online);
  const l3Caches = orderGroups(facts.l3Caches, online);
  const numaNodes = partitionNodes(facts.numaNodes, online);
  const isolated = facts.isolated.intersection(online);
  const [socketOf, coreOf, l3Of, nodeOf] = [sockets, cores, l3Caches, numaNodes].map(mapToOrdinal);
  const [dieOf, clusterOf] = [facts.dies, facts.clusters].map((groups) => mapToOrdinal(orderGroups(groups, online)));
  const cpus = online.toArray().map((cpu): Cpu => {
    const socket = socketOf?.get(cpu) ?? 0;
    const core = coreOf?.get(cpu) ?? 0;
    return {
      cpu,
      socket,
      socketId: sockets[socket]?.id,
      die: dieOf?.get(cpu),
      cluster: clusterOf?.get(cpu),
      core,
      coreId: facts.ownCoreIds?.get(cpu) ?? cores[core]?.id,
      numaNode: numaNodes[nodeOf?.get(cpu) ?? 0]?.numaNode ?? 0,
      l3Cache: l3Of?.get(cpu),
      siblings: cores[core]?.cpus ?? CpuSet.of(cpu),
      coreType: coreTypeOf(cpu, facts.eCores),
      isolated: isolated.has(cpu),
    };
  });
  return {
    cpus,
    sockets: sockets.map(({ cpus, id }, socket) => ({ socket, socketId: id, cpus })),
    cores: cores.map(({ cpus, id }, core) => ({
      core,
      coreId: id,
      socket: socketOf?.get(cpus.first ?? 0) ?? 0,
      cpus,
    })),
    l3Caches: l3Caches.map(({ cpus, id, sizeKiB }, l3Cache) => ({ l3Cache, l3CacheId: id, cpus, sizeKiB })),
    numaNodes,
    pcieRoots: facts.pcieRoots.map((root) => ({ ...root, cpus: root.cpus.intersection(online) })),
    online,
    offline: facts.offline,
    isolated,
    nohzFull: facts.nohzFull.intersection(online),
    problems: facts.problems,
  };
}
