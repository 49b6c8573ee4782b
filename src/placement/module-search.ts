import type { Census } from './census.ts';
import { type CoreHistogram, countCoresByGroup, histogramLength } from './core-histogram.ts';
import { judgeCores, stepsFor, sumHistograms } from './judge-cores.ts';
import type { MachineIndex, Modules } from './machine-index.ts';
import { rankByCount } from './order.ts';
import type { RegionGoal } from './region.ts';

/** A search for the fewest level 2 caches within given leaves; arrays are reused from one choice to the next. */
export interface ModuleSearch {
  readonly modules: Modules;
  /** Free CPUs and one histogram of cores per module. */
  readonly free: Int32Array;
  readonly histograms: Int32Array;
  readonly sum: CoreHistogram;
  /** All modules with free CPUs, those with most first, and of these the ones in the leaves in hand. */
  readonly ranked: Int32Array;
  rankedCount: number;
  readonly listed: Int32Array;
  listedCount: number;
  /** Free CPUs of the first of `listed`. */
  readonly prefixCpus: Int32Array;
  readonly inLeaf: Uint8Array;
  /** Free CPUs of the path before each depth. */
  readonly pathCpus: Int32Array;
  readonly path: Int32Array;
  readonly seen: Uint8Array;
  goal: RegionGoal;
  wanted: number;
  /** What may still be spent: 1 for a set that is passed by, `stepsFor` its modules for one that is judged. */
  stepsLeft: number;
  found: boolean;
  /** The best set so far and its columns. */
  readonly best: Int32Array;
  bestCount: number;
  clusters: number;
  cores: number;
  brokenCores: number;
  /** The columns of the set in hand. */
  readonly judged: { cores: number; brokenCores: number };
  /** The fewest cores that all listed modules together can offer, or with `spread` the most. */
  coresBest: number;
}

/** A search over the modules of the machine; undefined where it has none. */
export function createModuleSearch(index: MachineIndex, goal: RegionGoal): ModuleSearch | undefined {
  const { modules, coreSizeMax, leafCount } = index;
  if (!modules) return undefined;
  const { count, clusterCount } = modules;
  const length = histogramLength(coreSizeMax);
  return {
    modules,
    free: new Int32Array(count),
    histograms: new Int32Array(count * length),
    sum: { counts: new Int32Array(length), at: 0, coreSizeMax },
    ranked: new Int32Array(count),
    rankedCount: 0,
    listed: new Int32Array(count),
    listedCount: 0,
    prefixCpus: new Int32Array(count + 1),
    inLeaf: new Uint8Array(leafCount),
    pathCpus: new Int32Array(count + 1),
    path: new Int32Array(count),
    seen: new Uint8Array(clusterCount),
    goal,
    wanted: 0,
    stepsLeft: 0,
    found: false,
    best: new Int32Array(count),
    bestCount: 0,
    clusters: 0,
    cores: 0,
    brokenCores: 0,
    judged: { cores: 0, brokenCores: 0 },
    coresBest: 0,
  };
}

/** Counts the free CPUs of every module. */
export function countModules(search: ModuleSearch, { coreFree }: Census): void {
  const { free, modules } = search;
  free.fill(0);
  for (let core = 0; core < coreFree.length; core += 1) {
    const module = modules.ofCore[core] ?? 0;
    free[module] = (free[module] ?? 0) + (coreFree[core] ?? 0);
  }
  search.rankedCount = rankByCount(search.ranked, free);
}

/** Counts the free CPUs and cores of every module, for searches with this goal. */
export function openModules(search: ModuleSearch, census: Census, goal: RegionGoal): void {
  search.goal = goal;
  countModules(search, census);
  countCoresByGroup(census, search.modules.ofCore, search.histograms);
}

/** The fewest modules that have `cpus` free ones together; all and one more where they have fewer. */
export function countFewestModules({ ranked, rankedCount, free }: ModuleSearch, cpus: number): number {
  let left = cpus;
  let count = 0;
  for (; count < rankedCount && left > 0; count += 1) left -= free[ranked[count] ?? 0] ?? 0;
  return left > 0 ? count + 1 : count;
}

/** The same of the modules of some leaves. */
export function countFewestModulesOf(
  search: ModuleSearch,
  leaves: Int32Array,
  leafCount: number,
  cpus: number,
): number {
  listModules(search, leaves, leafCount);
  return countFewestListed(search, cpus);
}

function countFewestListed({ listedCount, prefixCpus }: ModuleSearch, cpus: number): number {
  let count = 1;
  while (count < listedCount && (prefixCpus[count] ?? 0) < cpus) count += 1;
  return count;
}

/** Lists the modules of the leaves that have free CPUs. */
function listModules(search: ModuleSearch, leaves: Int32Array, leafCount: number): void {
  const { modules, inLeaf, ranked, rankedCount, listed, prefixCpus, free } = search;
  inLeaf.fill(0);
  for (let i = 0; i < leafCount; i += 1) inLeaf[leaves[i] ?? 0] = 1;
  let count = 0;
  for (let i = 0; i < rankedCount; i += 1) {
    const module = ranked[i] ?? 0;
    if (inLeaf[modules.leaf[module] ?? 0] === 0) continue;
    listed[count] = module;
    count += 1;
    prefixCpus[count] = (prefixCpus[count - 1] ?? 0) + (free[module] ?? 0);
  }
  search.listedCount = count;
}

/**
 * Finds the fewest modules of the leaves that serve the goal, of these the best by their cores; false where none do. The
 * fullest that fit come first, so that of equal answers they are kept. `stepsLeft`, which the caller sets, bounds the time.
 */
export function findModules(search: ModuleSearch, leaves: Int32Array, leafCount: number): boolean {
  listModules(search, leaves, leafCount);
  const { listed, listedCount, goal, judged } = search;
  search.found = false;
  sumHistograms(search.histograms, listed, listedCount, search.sum);
  if (!judgeCores(judged, search.sum, goal)) return false;
  search.coresBest = judged.cores;
  let wanted = countFewestListed(search, goal.cpus);
  for (; wanted <= listedCount && !search.found && search.stepsLeft > 0; wanted += 1) {
    search.wanted = wanted;
    chooseModules(search, 0, 0);
  }
  if (!search.found) keepAll(search);
  return true;
}

/** The last resort of a search that ran out of steps: all modules at once. */
function keepAll(search: ModuleSearch): void {
  search.path.set(search.listed);
  judgePath(search, search.listedCount);
}

function isPerfect({ found, cores, brokenCores, coresBest }: ModuleSearch): boolean {
  return found && brokenCores === 0 && cores === coresBest;
}

/** Chooses the module at `depth` of the path, and with it all that follow; `from` is the first that comes into question. */
function chooseModules(search: ModuleSearch, depth: number, from: number): void {
  const remaining = search.wanted - depth;
  if (remaining === 1) {
    chooseLastModule(search, depth, from);
    return;
  }
  const { listed, listedCount, free, goal, prefixCpus, pathCpus, path } = search;
  const cpus = pathCpus[depth] ?? 0;
  for (let i = from; i <= listedCount - remaining && search.stepsLeft > 0 && !isPerfect(search); i += 1) {
    search.stepsLeft -= 1;
    if (cpus + (prefixCpus[i + remaining] ?? 0) - (prefixCpus[i] ?? 0) < goal.cpus) return;
    const module = listed[i] ?? 0;
    path[depth] = module;
    pathCpus[depth + 1] = cpus + (free[module] ?? 0);
    chooseModules(search, depth + 1, i + 1);
  }
}

function chooseLastModule(search: ModuleSearch, depth: number, from: number): void {
  const { listed, listedCount, free, goal, pathCpus, path } = search;
  const cpusWanted = goal.cpus - (pathCpus[depth] ?? 0);
  for (let i = listedCount - 1; i >= from && search.stepsLeft > 0 && !isPerfect(search); i -= 1) {
    search.stepsLeft -= 1;
    const module = listed[i] ?? 0;
    if ((free[module] ?? 0) < cpusWanted) continue;
    path[depth] = module;
    judgePath(search, depth + 1);
  }
}

/** Keeps the set in hand when it serves and is better by its cores than what was found. */
function judgePath(search: ModuleSearch, count: number): void {
  search.stepsLeft -= stepsFor(count);
  const { judged, path, best, goal } = search;
  sumHistograms(search.histograms, path, count, search.sum);
  if (!judgeCores(judged, search.sum, goal)) return;
  const cores = goal.spread ? search.cores - judged.cores : judged.cores - search.cores;
  if (search.found && (cores > 0 || (cores === 0 && judged.brokenCores >= search.brokenCores))) return;
  search.found = true;
  best.set(path.subarray(0, count));
  search.bestCount = count;
  search.cores = judged.cores;
  search.brokenCores = judged.brokenCores;
  search.clusters = countClusters(search, count);
}

/** How many clusters the modules of the path are of: one that several leaves share counts once. */
function countClusters({ path, modules, seen }: ModuleSearch, count: number): number {
  let clusters = 0;
  for (let i = 0; i < count; i += 1) {
    const cluster = modules.cluster[path[i] ?? 0] ?? 0;
    if (seen[cluster] === 0) clusters += 1;
    seen[cluster] = 1;
  }
  seen.fill(0);
  return clusters;
}
