import type { Census } from './census.ts';
import {
  type CoreHistogram,
  countCores,
  countFewestCores,
  countUnbrokenCores,
  histogramLength,
} from './core-histogram.ts';
import { compareRegions, createRegion, type Region, type RegionGoal, servesGoal } from './region.ts';

/** The state of one search; arrays are reused from one choice to the next. */
export interface LeafSearch {
  census: Census;
  goal: RegionGoal;
  /** Sets that may still be tried. */
  triesLeft: number;
  /** Every leaf with free CPUs, those with most first. */
  readonly ranked: Int32Array;
  rankedCount: number;
  readonly cellChosen: Uint8Array;
  /** One histogram of cores per leaf. */
  readonly leafCores: Int32Array;
  /** [0] is the histogram of the chosen cells, [d + 1] that of the first d leaves of the path. */
  readonly sums: readonly CoreHistogram[];
  /** The leaves of the chosen cells, in the order of `ranked`. */
  readonly leaves: Int32Array;
  leafCount: number;
  /** The set in hand; its `leaves` are the path of the search. */
  readonly candidate: Region;
  readonly best: Region;
  found: boolean;
  /** How many leaves are being chosen, whether that many serve, and whether nothing better can come. */
  wanted: number;
  served: boolean;
  perfect: boolean;
  /** The best number of cores that all leaves of the chosen cells together can offer. */
  coresBest: number;
}

/** An idle search over the census's machine. */
export function createLeafSearch(census: Census): LeafSearch {
  const { leafCount, cellCount, coreSizeMax } = census.index;
  const length = histogramLength(coreSizeMax);
  const counts = new Int32Array((leafCount + 2) * length);
  const limit = { sockets: 0, numaNodes: 0, l3Caches: 0, cores: 0, brokenCores: 0 };
  return {
    census,
    goal: { cpus: 0, limit, strictly: true, spread: false },
    triesLeft: 0,
    ranked: new Int32Array(leafCount),
    rankedCount: 0,
    cellChosen: new Uint8Array(cellCount),
    leafCores: new Int32Array(leafCount * length),
    sums: Array.from({ length: leafCount + 2 }, (_, depth) => ({ counts, at: depth * length, coreSizeMax })),
    leaves: new Int32Array(leafCount),
    leafCount: 0,
    candidate: createRegion(leafCount),
    best: createRegion(leafCount),
    found: false,
    wanted: 0,
    served: false,
    perfect: false,
    coresBest: 0,
  };
}

function histogramAt(search: LeafSearch, depth: number): CoreHistogram {
  const sum = search.sums[depth];
  if (!sum) throw new RangeError(`no histogram at depth ${depth}`);
  return sum;
}

/** `to` = `from` + the cores of a leaf. */
function addLeaf(search: LeafSearch, from: CoreHistogram, to: CoreHistogram, leaf: number): void {
  const { leafCores } = search;
  const length = histogramLength(from.coreSizeMax);
  const leafAt = leaf * length;
  const { counts, at } = from;
  for (let slot = 0; slot < length; slot += 1) {
    counts[to.at + slot] = (counts[at + slot] ?? 0) + (leafCores[leafAt + slot] ?? 0);
  }
}

function clearHistogram({ counts, at, coreSizeMax }: CoreHistogram): void {
  counts.fill(0, at, at + histogramLength(coreSizeMax));
}

/** Collects the leaves of the chosen cells and their cores. */
function gatherLeaves(search: LeafSearch): void {
  const { census, ranked, cellChosen, leaves } = search;
  const { leafCell } = census.index;
  const all = histogramAt(search, 0);
  clearHistogram(all);
  let count = 0;
  for (let i = 0; i < search.rankedCount; i += 1) {
    const leaf = ranked[i] ?? 0;
    if (cellChosen[leafCell[leaf] ?? 0] === 0) continue;
    leaves[count] = leaf;
    count += 1;
    addLeaf(search, all, all, leaf);
  }
  search.leafCount = count;
}

/** Whether all leaves together can keep within the limit of cores; sets `coresBest`. */
function canServe(search: LeafSearch): boolean {
  const { cpus, limit, spread } = search.goal;
  const all = histogramAt(search, 0);
  if (spread) {
    search.coresBest = Math.min(cpus, countCores(all));
    return search.coresBest >= limit.cores;
  }
  search.coresBest = countFewestCores(all, cpus);
  if (search.coresBest > limit.cores) return false;
  return limit.brokenCores > 0 || countUnbrokenCores(all, cpus) <= limit.cores;
}

/** The most leaves that keep within the limit of L3 caches; leaves without a known cache do not count. */
function countLeavesMax(search: LeafSearch): number {
  const { leafL3, l3Count } = search.census.index;
  if (l3Count === 0) return search.leafCount;
  let uncounted = 0;
  for (let i = 0; i < search.leafCount; i += 1) if ((leafL3[search.leaves[i] ?? 0] ?? -1) < 0) uncounted += 1;
  return Math.min(search.leafCount, search.goal.limit.l3Caches + uncounted);
}

/**
 * Tries the leaves of the chosen cells: as few as possible that serve the goal, of these the best. The caller has set the
 * candidate's `sockets`, `numaNodes` and `cellFree`. What is better than `best` replaces it.
 */
export function tryChosenCells(search: LeafSearch): void {
  search.triesLeft -= 1;
  gatherLeaves(search);
  if (!canServe(search)) return;
  const { leafFree } = search.census;
  const most = countLeavesMax(search);
  let wanted = 0;
  for (let cpus = 0; wanted < search.leafCount && cpus < search.goal.cpus; wanted += 1) {
    cpus += leafFree[search.leaves[wanted] ?? 0] ?? 0;
  }
  search.served = false;
  search.perfect = false;
  clearHistogram(histogramAt(search, 1));
  for (; wanted <= most && !search.served && search.triesLeft > 0; wanted += 1) {
    search.wanted = wanted;
    chooseLeaves(search, 0, 0, 0);
  }
}

/** Chooses the leaf at `depth` of the path, and with it all that follow. `cpus` are free in the leaves before it. */
function chooseLeaves(search: LeafSearch, depth: number, from: number, cpus: number): void {
  const remaining = search.wanted - depth;
  if (remaining === 1) {
    chooseLastLeaf(search, depth, from, cpus);
    return;
  }
  const { leaves, leafCount, census, goal } = search;
  for (let i = from; i <= leafCount - remaining && !search.perfect && search.triesLeft > 0; i += 1) {
    let most = cpus;
    for (let j = i; j < i + remaining; j += 1) most += census.leafFree[leaves[j] ?? 0] ?? 0;
    if (most < goal.cpus) return;
    const leaf = leaves[i] ?? 0;
    search.candidate.leaves[depth] = leaf;
    addLeaf(search, histogramAt(search, depth + 1), histogramAt(search, depth + 2), leaf);
    chooseLeaves(search, depth + 1, i + 1, cpus + (census.leafFree[leaf] ?? 0));
  }
}

/** The fullest leaf that fits comes first, so that of equal answers it is kept. */
function chooseLastLeaf(search: LeafSearch, depth: number, from: number, cpus: number): void {
  const { leaves, leafCount, census, goal, candidate } = search;
  for (let i = leafCount - 1; i >= from && !search.perfect && search.triesLeft > 0; i -= 1) {
    const leaf = leaves[i] ?? 0;
    if (cpus + (census.leafFree[leaf] ?? 0) < goal.cpus) continue;
    candidate.leaves[depth] = leaf;
    candidate.leafCount = depth + 1;
    addLeaf(search, histogramAt(search, depth + 1), histogramAt(search, depth + 2), leaf);
    judgeCandidate(search, histogramAt(search, depth + 2));
  }
}

function judgeCandidate(search: LeafSearch, cores: CoreHistogram): void {
  search.triesLeft -= 1;
  const { candidate, best, goal, census } = search;
  if (!judgeCores(candidate, cores, goal)) return;
  candidate.l3Caches = 0;
  for (let i = 0; i < candidate.leafCount; i += 1) {
    if ((census.index.leafL3[candidate.leaves[i] ?? 0] ?? -1) >= 0) candidate.l3Caches += 1;
  }
  if (!servesGoal(candidate, goal)) return;
  search.served = true;
  search.perfect = candidate.cores === search.coresBest && candidate.brokenCores === 0;
  if (search.found && compareRegions(candidate, best, goal.spread) >= 0) return;
  search.found = true;
  best.leaves.set(candidate.leaves);
  best.leafCount = candidate.leafCount;
  best.sockets = candidate.sockets;
  best.numaNodes = candidate.numaNodes;
  best.l3Caches = candidate.l3Caches;
  best.cores = candidate.cores;
  best.brokenCores = candidate.brokenCores;
  best.cellFree = candidate.cellFree;
}

/** Sets the candidate's `cores` and `brokenCores`; false where the cores cannot serve. */
function judgeCores(candidate: Region, cores: CoreHistogram, { cpus, limit, spread }: RegionGoal): boolean {
  candidate.brokenCores = 0;
  if (spread) {
    candidate.cores = Math.min(cpus, countCores(cores));
    return true;
  }
  candidate.cores = countFewestCores(cores, cpus);
  if (candidate.cores > limit.cores) return false;
  const unbroken = countUnbrokenCores(cores, cpus);
  if (unbroken === candidate.cores) return true;
  if (limit.brokenCores > 0) candidate.brokenCores = 1;
  else candidate.cores = unbroken;
  return candidate.cores <= limit.cores;
}
