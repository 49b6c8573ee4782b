import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { Clusters, MachineIndex } from './machine-index.ts';
import type { Columns } from './score.ts';

/** What a choice touches; lower is better in every column, but for `spread`, which wants many cores. */
export interface PlacementScore {
  readonly sockets: number;
  readonly numaNodes: number;
  readonly l3Caches: number;
  readonly cores: number;
  /** Cores that were wholly free (every online thread) and are now only partly used. */
  readonly brokenCores: number;
  /** Mean distance between each two of its NUMA nodes (ACPI SLIT); absent for one node, and where the kernel gives none. */
  readonly distance?: number;
  /** Level 2 caches, as clusters of cores; absent where the kernel reports none. */
  readonly clusters?: number;
  /** Those of them that serve CPUs which were not free. */
  readonly sharedClusters?: number;
}

/** The columns as callers see them. */
export function toPlacementScore(index: MachineIndex, columns: Columns): PlacementScore {
  const { sockets, numaNodes, l3Caches, clusters, cores, brokenCores, distance } = columns;
  const score = { sockets, numaNodes, l3Caches, cores, brokenCores };
  if (!index.modules && !index.distances) return score;
  const pairs = numaNodes * (numaNodes - 1);
  return {
    ...score,
    ...(index.distances && pairs > 0 && { distance: Math.round((distance / pairs) * 10) / 10 }),
    ...(index.modules && { clusters }),
  };
}

/** A choice. */
interface TakenAndFree {
  /** As CpuSet lays words out. */
  readonly taken: Uint32Array;
  /** Free before the choice. */
  readonly free: CpuSet;
}

/** How many level 2 caches the taken CPUs touch, and how many of them serve CPUs that were not free. */
function countTouchedClusters(
  { coreOfCpu }: MachineIndex,
  { ofCore, sizes }: Clusters,
  { taken, free }: TakenAndFree,
): Pick<PlacementScore, 'clusters' | 'sharedClusters'> {
  const [isTouched, used, freeWords] = [new Uint8Array(sizes.length), sizes.slice(), free.toWords()];
  for (let cpu = 0; cpu < coreOfCpu.length; cpu += 1) {
    const cluster = ofCore[coreOfCpu[cpu] ?? -1] ?? -1;
    const [word, bit] = [cpu >>> 5, 1 << (cpu & 31)];
    if (cluster < 0 || ((freeWords[word] ?? 0) & bit) === 0) continue;
    used[cluster] = (used[cluster] ?? 0) - 1;
    if (((taken[word] ?? 0) & bit) !== 0) isTouched[cluster] = 1;
  }
  let [clusters, sharedClusters] = [0, 0];
  for (let cluster = 0; cluster < sizes.length; cluster += 1) {
    if (isTouched[cluster] === 0) continue;
    clusters += 1;
    if (used[cluster] !== 0) sharedClusters += 1;
  }
  return { clusters, sharedClusters };
}

/** The columns as callers see them, with the level 2 caches that the taken CPUs share with others. */
export function describeScore(index: MachineIndex, columns: Columns, cpus: TakenAndFree): PlacementScore {
  const score = toPlacementScore(index, columns);
  return index.clusters ? { ...score, ...countTouchedClusters(index, index.clusters, cpus) } : score;
}
