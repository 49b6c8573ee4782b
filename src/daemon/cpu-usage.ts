import { CpuSet } from '../cpuset/cpu-set.ts';
import type { DomainUsage, MetricsState } from '../metrics/metrics-state.ts';
import type { CpuTopology } from '../topology/topology.ts';

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
export function measureUsage(
  { cores, l3Caches, numaNodes }: CpuTopology,
  { free, taken }: CpuOwners,
): Pick<MetricsState, 'numaNodes' | 'l3Caches'> {
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
