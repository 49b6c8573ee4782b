import type { PlacementScore } from './score.ts';

/** A set of leaves (L3 caches) and the columns of the best choice within it. */
export interface Region {
  readonly leaves: Int32Array;
  leafCount: number;
  sockets: number;
  numaNodes: number;
  l3Caches: number;
  /** Leaves whose cores have no known cache. */
  uncachedLeaves: number;
  cores: number;
  brokenCores: number;
  /** Free CPUs of its sockets and nodes: of equal regions the fuller one is taken, so that the emptier stays whole. */
  cellFree: number;
}

/** What a region must offer. */
export interface RegionGoal {
  /** CPUs wanted. */
  readonly cpus: number;
  /** No column may be higher; with `spread`, `cores` may not be lower and `brokenCores` does not count. */
  readonly limit: PlacementScore;
  /** Whether at least one column must be better than the limit's. */
  readonly strictly: boolean;
  /** Many cores are wanted, not few. */
  readonly spread: boolean;
}

/** A limit that no choice exceeds; finite, because columns are added and multiplied. */
export const NO_LIMIT: PlacementScore = {
  sockets: 1 << 20,
  numaNodes: 1 << 20,
  l3Caches: 1 << 20,
  cores: 1 << 20,
  brokenCores: 1 << 20,
};

/** A region of no leaves with room for `leafCount`. */
export function createRegion(leafCount: number): Region {
  const leaves = new Int32Array(leafCount);
  const columns = { sockets: 0, numaNodes: 0, l3Caches: 0, uncachedLeaves: 0, cores: 0, brokenCores: 0 };
  return { leaves, leafCount: 0, ...columns, cellFree: 0 };
}

/** Cores that have no cache are no better than those of one: the low-power cores of Intel hybrids are the slowest. */
function countCaches({ l3Caches }: { readonly l3Caches: number }): number {
  return Math.max(l3Caches, 1);
}

/** Below 0 when `a` is better than `b`, column by column in the order of how far apart the domains are. */
export function compareRegions(a: Region, b: Region, spread: boolean): number {
  return (
    a.sockets - b.sockets ||
    a.numaNodes - b.numaNodes ||
    countCaches(a) - countCaches(b) ||
    (spread ? b.cores - a.cores : a.cores - b.cores) ||
    (spread ? 0 : a.brokenCores - b.brokenCores) ||
    a.uncachedLeaves - b.uncachedLeaves ||
    a.cellFree - b.cellFree
  );
}

/** Whether the columns keep within the goal's limit and, if they must, are better in one. */
export function servesGoal(score: PlacementScore, { limit, spread, strictly }: RegionGoal): boolean {
  const cores = spread ? limit.cores - score.cores : score.cores - limit.cores;
  const brokenCores = spread ? 0 : score.brokenCores - limit.brokenCores;
  const sockets = score.sockets - limit.sockets;
  const numaNodes = score.numaNodes - limit.numaNodes;
  const l3Caches = countCaches(score) - countCaches(limit);
  if (sockets > 0 || numaNodes > 0 || l3Caches > 0 || cores > 0 || brokenCores > 0) return false;
  return !strictly || sockets < 0 || numaNodes < 0 || l3Caches < 0 || cores < 0 || brokenCores < 0;
}
