import type { Columns } from './score.ts';

/** A set of leaves (L3 caches) and the columns of the best choice within it. */
export interface Region {
  readonly leaves: Int32Array;
  leafCount: number;
  /** Those modules of the leaves that are used; where the machine has none, all of the leaves is. */
  readonly modules: Int32Array;
  moduleCount: number;
  sockets: number;
  numaNodes: number;
  l3Caches: number;
  clusters: number;
  /** Leaves whose cores have no known cache. */
  uncachedLeaves: number;
  cores: number;
  brokenCores: number;
  distance: number;
  /** Free CPUs of its sockets and nodes: of equal regions the fuller one is taken, so that the emptier stays whole. */
  cellFree: number;
}

/** What a region must offer. */
export interface RegionGoal {
  /** CPUs wanted. */
  readonly cpus: number;
  /**
   * No column but `clusters` and `distance` may be higher; with `spread`, `cores` may not be lower and `brokenCores` does not
   * count.
   */
  readonly limit: Columns;
  /** Whether the region must be better than the limit. */
  readonly strictly: boolean;
  /** Many cores are wanted, not few. */
  readonly spread: boolean;
  /** Whether a region can only be better by its nodes being nearer to each other. */
  readonly nearerOnly?: boolean;
}

/** A limit that no choice exceeds; finite, because columns are added and multiplied. */
export const NO_LIMIT: Columns = {
  sockets: 1 << 20,
  numaNodes: 1 << 20,
  l3Caches: 1 << 20,
  clusters: 1 << 20,
  cores: 1 << 20,
  brokenCores: 1 << 20,
  distance: 1 << 30,
};

/** A region of no leaves with room for as many. */
export function createRegion(leafCount: number, moduleCount: number): Region {
  return {
    leaves: new Int32Array(leafCount),
    leafCount: 0,
    modules: new Int32Array(moduleCount),
    moduleCount: 0,
    sockets: 0,
    numaNodes: 0,
    l3Caches: 0,
    clusters: 0,
    uncachedLeaves: 0,
    cores: 0,
    brokenCores: 0,
    distance: 0,
    cellFree: 0,
  };
}

/** Makes `to` what `from` is. */
export function copyRegion(from: Region, to: Region): void {
  to.leaves.set(from.leaves);
  to.leafCount = from.leafCount;
  to.modules.set(from.modules);
  to.moduleCount = from.moduleCount;
  to.sockets = from.sockets;
  to.numaNodes = from.numaNodes;
  to.l3Caches = from.l3Caches;
  to.clusters = from.clusters;
  to.uncachedLeaves = from.uncachedLeaves;
  to.cores = from.cores;
  to.brokenCores = from.brokenCores;
  to.distance = from.distance;
  to.cellFree = from.cellFree;
}

/** Cores that have no cache are no better than those of one: the low-power cores of Intel hybrids are the slowest. */
function countCaches({ l3Caches }: { readonly l3Caches: number }): number {
  return Math.max(l3Caches, 1);
}

/** The columns that come before `clusters`. */
export function compareReach(a: Reach, b: Reach): number {
  return a.sockets - b.sockets || a.numaNodes - b.numaNodes || countCaches(a) - countCaches(b);
}

type Reach = Pick<Columns, 'sockets' | 'numaNodes' | 'l3Caches'>;

/** Below 0 when `a` is better than `b`, column by column in the order of the score (docs/concepts/placement.md). */
export function compareColumns(a: Columns, b: Columns, spread: boolean): number {
  return (
    compareReach(a, b) ||
    a.clusters - b.clusters ||
    (spread ? b.cores - a.cores : a.cores - b.cores) ||
    (spread ? 0 : a.brokenCores - b.brokenCores) ||
    a.distance - b.distance
  );
}

/** Below 0 when `a` is better than `b`, or as good and fuller. */
export function compareRegions(a: Region, b: Region, spread: boolean): number {
  return compareColumns(a, b, spread) || a.uncachedLeaves - b.uncachedLeaves || a.cellFree - b.cellFree;
}

/** Whether the columns keep within the goal's limit and, if they must, are better. */
export function servesGoal(score: Columns, { limit, spread, strictly }: RegionGoal): boolean {
  const sockets = score.sockets - limit.sockets;
  const numaNodes = score.numaNodes - limit.numaNodes;
  const l3Caches = countCaches(score) - countCaches(limit);
  const cores = spread ? limit.cores - score.cores : score.cores - limit.cores;
  const brokenCores = spread ? 0 : score.brokenCores - limit.brokenCores;
  if (sockets > 0 || numaNodes > 0 || l3Caches > 0 || cores > 0 || brokenCores > 0) return false;
  // None is higher, so that the order of the columns matters for the two alone that may be.
  if (!strictly || sockets < 0 || numaNodes < 0 || l3Caches < 0) return true;
  if (score.clusters !== limit.clusters) return score.clusters < limit.clusters;
  return cores < 0 || brokenCores < 0 || score.distance < limit.distance;
}
