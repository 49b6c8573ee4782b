import type { CpuSet } from '../../src/cpuset/cpu-set.ts';
import type { CpuTopology } from '../../src/topology/topology.ts';

/** How many CPUs the demo's claims ask for, sized to the machine; absent claims are not shown. */
export interface DemoPlan {
  /** A claim of its own. */
  readonly db?: number;
  /** A claim made from a template. */
  readonly cache?: number;
  /** A claim for the last CPU that containers without a claim could use, which must not be given away. */
  readonly greedy?: number;
  /** What is not shown, and why. */
  readonly skips: readonly string[];
}

/** As whole cores where there are as many. */
function wholeCores(cpus: number, threadsPerCore: number): number {
  return cpus > threadsPerCore ? cpus - (cpus % threadsPerCore) : cpus;
}

/**
 * Sizes the demo: on a large machine one claim of a whole L3 cache where a NUMA node has several, another of a quarter of a
 * node; at least one CPU always stays for containers without a claim.
 */
export function planDemo(topology: CpuTopology, usable: CpuSet): DemoPlan {
  const nodes = topology.numaNodes.map(({ cpus }) => cpus.intersection(usable)).filter((cpus) => !cpus.isEmpty);
  const [largest] = nodes.toSorted((a, b) => b.size - a.size);
  const capacity = largest?.size ?? 0;
  const threadsPerCore = Math.max(...topology.cores.map(({ cpus }) => cpus.intersection(usable).size));
  const l3 = topology.l3Caches
    .map(({ cpus }) => cpus.intersection(usable))
    .find((cpus) => largest && cpus.isSubsetOf(largest));
  const isL3Fitting = l3 !== undefined && !l3.isEmpty && 2 * l3.size <= capacity;
  const skips: string[] = [];
  const size = (wanted: number, left: number) => Math.min(wholeCores(Math.max(1, wanted), threadsPerCore), left);
  const db = size(isL3Fitting ? l3.size : Math.floor(capacity / 2), Math.min(capacity, usable.size - 1));
  if (db < 1) skips.push('exclusive CPUs: one CPU must stay for containers without a claim, and there is only one');
  const cache = size(Math.floor(capacity / 4), Math.min(capacity, usable.size - 1) - db);
  if (cache < 1) skips.push('a second claim beside the first: that needs 3 CPUs in one NUMA node');
  const isLastCpuGuarded = nodes.length === 1 && usable.equals(topology.online);
  if (!isLastCpuGuarded)
    skips.push('a claim for the last CPU: that needs a machine of one NUMA node, all of it usable');
  const taken = Math.max(0, db) + Math.max(0, cache);
  return {
    ...(db < 1 ? {} : { db }),
    ...(cache < 1 ? {} : { cache }),
    ...(isLastCpuGuarded ? { greedy: usable.size - taken } : {}),
    skips,
  };
}
