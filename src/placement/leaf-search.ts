import { countCores, countFewestCores, countUnbrokenCores } from './core-histogram.ts';
import { judgeCores, stepsFor, sumHistograms } from './judge-cores.ts';
import type { LeafSearch } from './leaf-search-state.ts';
import { countFewestModulesOf, findModules, type ModuleSearch } from './module-search.ts';
import { compareReach, compareRegions, copyRegion, servesGoal } from './region.ts';

/** What may be spent at least on one number of leaves; else half of what is left, so that the next higher one has some too. */
const STEPS_PER_COUNT = 80;

/** Collects the leaves of the chosen cells and their cores. */
function gatherLeaves(search: LeafSearch): void {
  const { census, ranked, cellChosen, leaves, leafLarge, largeCounts, prefixCpus } = search;
  const { leafCell } = census.index;
  largeCounts.fill(0, 0, search.largeMax + 1);
  search.largeMax = 0;
  let count = 0;
  for (let i = 0; i < search.rankedCount; i += 1) {
    const leaf = ranked[i] ?? 0;
    if (cellChosen[leafCell[leaf] ?? 0] === 0) continue;
    const here = leafLarge[leaf] ?? 0;
    leaves[count] = leaf;
    largeCounts[here] = (largeCounts[here] ?? 0) + 1;
    if (here > search.largeMax) search.largeMax = here;
    count += 1;
    prefixCpus[count] = (prefixCpus[count - 1] ?? 0) + (census.leafFree[leaf] ?? 0);
  }
  search.leafCount = count;
  sumHistograms(search.leafCores, leaves, count, search.all);
}

/** The fewest leaves that have CPUs and large cores enough, each looked at alone. */
function countLeavesMin(search: LeafSearch): number {
  const { goal, prefixCpus, largeCounts, largeMax } = search;
  let forCpus = 0;
  while (forCpus < search.leafCount && (prefixCpus[forCpus] ?? 0) < goal.cpus) forCpus += 1;
  let forLarge = 0;
  let left = search.largeWanted;
  for (let large = largeMax; large > 0 && left > 0; large -= 1) {
    const used = Math.min(largeCounts[large] ?? 0, Math.ceil(left / large));
    forLarge += used;
    left -= used * large;
  }
  return Math.max(forCpus, forLarge);
}

/** Whether all leaves together can keep within the limit of cores; sets `coresBest`. */
function canServe(search: LeafSearch): boolean {
  const { all, goal } = search;
  const { cpus, limit, spread } = goal;
  if (spread) {
    search.coresBest = Math.min(cpus, countCores(all));
    return search.coresBest >= limit.cores;
  }
  search.coresBest = countFewestCores(all, cpus);
  if (search.coresBest > limit.cores) return false;
  return limit.brokenCores > 0 || countUnbrokenCores(all, cpus) <= limit.cores;
}

/** The most leaves that may keep within the limit of L3 caches. */
function countLeavesMax(search: LeafSearch): number {
  const { l3Count, l3sNest } = search.census.index;
  return l3Count === 0 || !l3sNest ? search.leafCount : Math.min(search.leafCount, search.goal.limit.l3Caches);
}

/**
 * Tries the leaves of the chosen cells: as few as possible that serve the goal, of these the best. The caller has set the
 * candidate's `sockets`, `numaNodes` and `cellFree`. What is better than `best` replaces it.
 */
export function tryChosenCells(search: LeafSearch): void {
  gatherLeaves(search);
  search.stepsLeft -= stepsFor(search.leafCount);
  if (!canServe(search)) return;
  const { modules, leaves, leafCount, goal } = search;
  search.clustersBest = modules ? countFewestModulesOf(modules, leaves, leafCount, goal.cpus) : 0;
  const most = countLeavesMax(search);
  search.served = false;
  search.perfect = false;
  const isDone = () => search.perfect || (search.served && search.census.index.l3sNest);
  for (let wanted = countLeavesMin(search); wanted <= most && !isDone() && search.stepsLeft > 0; wanted += 1) {
    search.wanted = wanted;
    search.stepsFloor = Math.max(0, search.stepsLeft - Math.max(STEPS_PER_COUNT, search.stepsLeft >> 1));
    chooseLeaves(search, 0, 0);
  }
}

/** Chooses the leaf at `depth` of the path, and with it all that follow; `from` is the first that comes into question. */
function chooseLeaves(search: LeafSearch, depth: number, from: number): void {
  const remaining = search.wanted - depth;
  if (remaining === 1) {
    chooseLastLeaf(search, depth, from);
    return;
  }
  const { leaves, leafCount, leafLarge, census, goal, prefixCpus, pathCpus, pathLarge } = search;
  const cpus = pathCpus[depth] ?? 0;
  const large = pathLarge[depth] ?? 0;
  for (let i = from; i <= leafCount - remaining && !search.perfect && search.stepsLeft > search.stepsFloor; i += 1) {
    search.stepsLeft -= 1;
    if (cpus + (prefixCpus[i + remaining] ?? 0) - (prefixCpus[i] ?? 0) < goal.cpus) return;
    const leaf = leaves[i] ?? 0;
    const largeNow = large + (leafLarge[leaf] ?? 0);
    if (largeNow + (remaining - 1) * search.largeMax < search.largeWanted) continue;
    search.candidate.leaves[depth] = leaf;
    pathCpus[depth + 1] = cpus + (census.leafFree[leaf] ?? 0);
    pathLarge[depth + 1] = largeNow;
    chooseLeaves(search, depth + 1, i + 1);
  }
}

/** The fullest leaf that fits comes first, so that of equal answers it is kept. */
function chooseLastLeaf(search: LeafSearch, depth: number, from: number): void {
  const { leaves, leafCount, leafLarge, census, goal, candidate } = search;
  const cpusWanted = goal.cpus - (search.pathCpus[depth] ?? 0);
  const largeWanted = search.largeWanted - (search.pathLarge[depth] ?? 0);
  for (let i = leafCount - 1; i >= from && !search.perfect && search.stepsLeft > search.stepsFloor; i -= 1) {
    search.stepsLeft -= 1;
    const leaf = leaves[i] ?? 0;
    if ((census.leafFree[leaf] ?? 0) < cpusWanted || (leafLarge[leaf] ?? 0) < largeWanted) continue;
    candidate.leaves[depth] = leaf;
    candidate.leafCount = depth + 1;
    judgeCandidate(search);
  }
}

/** Judges one set of leaves as it is. The caller has set the candidate's columns of the cells. */
export function tryLeaves(search: LeafSearch, leaves: Int32Array, count: number): void {
  search.candidate.leaves.set(leaves.subarray(0, count));
  search.candidate.leafCount = count;
  judgeCandidate(search);
}

/** Counts the L3 caches that the candidate's leaves lie in, each once, and the leaves without one. */
function countL3s({ candidate, census, l3Seen }: LeafSearch): void {
  const { leafL3 } = census.index;
  candidate.l3Caches = 0;
  candidate.uncachedLeaves = 0;
  for (let i = 0; i < candidate.leafCount; i += 1) {
    const l3 = leafL3[candidate.leaves[i] ?? 0] ?? -1;
    if (l3 < 0) candidate.uncachedLeaves += 1;
    if (l3 < 0 || l3Seen[l3] === 1) continue;
    l3Seen[l3] = 1;
    candidate.l3Caches += 1;
  }
  l3Seen.fill(0);
}

function judgeCandidate(search: LeafSearch): void {
  search.stepsLeft -= stepsFor(search.candidate.leafCount);
  const { candidate, best, goal, census, modules } = search;
  sumHistograms(search.leafCores, candidate.leaves, candidate.leafCount, search.sum);
  if (!judgeCores(candidate, search.sum, goal)) return;
  countL3s(search);
  if (modules && !judgeModules(search, modules)) return;
  if (!servesGoal(candidate, goal)) return;
  search.served = true;
  const mayLieBetter = !census.index.l3sNest && (candidate.l3Caches > 1 || candidate.uncachedLeaves > 0);
  search.perfect =
    candidate.cores === search.coresBest &&
    candidate.brokenCores === 0 &&
    candidate.clusters <= search.clustersBest &&
    !mayLieBetter;
  if (search.found && compareRegions(candidate, best, goal.spread) >= 0) return;
  search.found = true;
  copyRegion(candidate, best);
}

/** Sets the columns that the candidate's fewest modules have; false where they cannot serve or the best has less. */
function judgeModules(search: LeafSearch, modules: ModuleSearch): boolean {
  const { candidate, best, goal } = search;
  candidate.clusters = 0;
  // Whatever its modules, it does not get better than this.
  if (compareReach(candidate, search.found ? best : goal.limit) > 0) return false;
  modules.stepsLeft = search.stepsLeft;
  const isFound = findModules(modules, candidate.leaves, candidate.leafCount);
  search.stepsLeft = modules.stepsLeft;
  if (!isFound) return false;
  candidate.modules.set(modules.best);
  candidate.moduleCount = modules.bestCount;
  candidate.clusters = modules.clusters;
  candidate.cores = modules.cores;
  candidate.brokenCores = modules.brokenCores;
  return true;
}
