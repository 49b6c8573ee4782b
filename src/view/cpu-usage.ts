import { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuTopology } from '../topology/topology.ts';

/** The CPUs of one NUMA node or L3 cache that claims may take. */
export interface DomainUsage {
  /** The NUMA node's number or the L3 cache's ordinal. */
  readonly id: number;
  /** CPUs that a claim may take now. */
  readonly free: number;
  /** CPUs that claims hold. */
  readonly allocated: number;
  /** The most CPUs of this domain that one claim could get now, by the placement it asks for. */
  readonly largestAllocatable: Readonly<Record<string, number>>;
}

/** How full each NUMA node and each L3 cache is. */
export interface CpuUsage {
  readonly numaNodes: readonly DomainUsage[];
  readonly l3Caches: readonly DomainUsage[];
}

/** Who has which CPUs, as far as usage needs it. */
export interface CpuOwners {
  /** CPUs that a new claim may take. */
  readonly free: CpuSet;
  /** CPUs that claims hold. */
  readonly taken: CpuSet;
}

/**
 * How full each NUMA node and L3 cache is. Beside the plain count of free CPUs stands the largest claim that still fits when
 * it wants whole cores (`full-cores`) or one L3 cache of the node (`single-l3`): both shrink by fragmentation long before the
 * plain count does. NUMA nodes without CPUs are left out.
 */
export function measureUsage({ cores, l3Caches, numaNodes }: CpuTopology, { free, taken }: CpuOwners): CpuUsage {
  const wholeCores = CpuSet.unionOf(cores.flatMap(({ cpus }) => (cpus.isSubsetOf(free) ? [cpus] : [])));
  const countIn = (cpus: CpuSet, domain: CpuSet) => cpus.intersection(domain).size;
  const measure = (id: number, cpus: CpuSet, largest: Record<string, number>): DomainUsage => ({
    id,
    free: countIn(free, cpus),
    allocated: countIn(taken, cpus),
    largestAllocatable: { 'full-cores': countIn(wholeCores, cpus), ...largest },
  });
  const largestL3 = (node: CpuSet) =>
    l3Caches.reduce((largest, l3) => Math.max(largest, countIn(l3.cpus.intersection(node), free)), 0);
  return {
    numaNodes: numaNodes
      .filter(({ cpus }) => !cpus.isEmpty)
      .map(({ numaNode, cpus }) =>
        measure(numaNode, cpus, l3Caches.length === 0 ? {} : { 'single-l3': largestL3(cpus) }),
      ),
    l3Caches: l3Caches.map(({ l3Cache, cpus }) => measure(l3Cache, cpus, {})),
  };
}
