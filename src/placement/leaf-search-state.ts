import type { Census } from './census.ts';
import { type CoreHistogram, countCores, countCoresByGroup, histogramLength } from './core-histogram.ts';
import { createModuleSearch, type ModuleSearch, openModules } from './module-search.ts';
import { NO_LIMIT, createRegion, type Region, type RegionGoal } from './region.ts';

/** The state of one search; arrays are reused from one choice to the next. */
export interface LeafSearch {
  census: Census;
  goal: RegionGoal;
  /** What may still be spent: 1 for a set that is passed by, `stepsFor` its leaves for one that is judged. */
  stepsLeft: number;
  /** Where to stop spending on the number of leaves in hand. */
  stepsFloor: number;
  /** Every leaf with free CPUs, those with most first. */
  readonly ranked: Int32Array;
  rankedCount: number;
  readonly cellChosen: Uint8Array;
  /** One histogram of cores per leaf. */
  readonly leafCores: Int32Array;
  /**
   * What each leaf has of the cores that count: those as large as the machine's largest, or with `spread` all. A set that
   * has fewer than `largeWanted` of them cannot keep within the limit of cores.
   */
  readonly leafLarge: Int32Array;
  largeWanted: number;
  /** The largest `leafLarge` of the chosen cells. */
  largeMax: number;
  /** How many leaves of the chosen cells have each `leafLarge`. */
  readonly largeCounts: Int32Array;
  /** The cores of the chosen cells, and of the leaves of the candidate. */
  readonly all: CoreHistogram;
  readonly sum: CoreHistogram;
  /** The leaves of the chosen cells, in the order of `ranked`. */
  readonly leaves: Int32Array;
  leafCount: number;
  /** Free CPUs of the first leaves of `leaves`. */
  readonly prefixCpus: Int32Array;
  /** Marks the caches of the candidate; all 0 between two uses. */
  readonly l3Seen: Uint8Array;
  /** What the leaves of the path before each depth have. */
  readonly pathCpus: Int32Array;
  readonly pathLarge: Int32Array;
  /** Undefined where no cores share a level 2 cache. */
  readonly modules: ModuleSearch | undefined;
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
  /** The fewest level 2 caches that have CPUs enough among them; 0 where none are known. */
  clustersBest: number;
}

/** An idle search over the census's machine. */
export function createLeafSearch(census: Census): LeafSearch {
  const { leafCount, cellCount, coreCount, coreSizeMax, l3Count } = census.index;
  const length = histogramLength(coreSizeMax);
  const goal: RegionGoal = { cpus: 0, limit: NO_LIMIT, strictly: true, spread: false };
  const modules = createModuleSearch(census.index, goal);
  const moduleCount = census.index.modules?.count ?? 0;
  return {
    census,
    goal,
    stepsLeft: 0,
    stepsFloor: 0,
    ranked: new Int32Array(leafCount),
    rankedCount: 0,
    cellChosen: new Uint8Array(cellCount),
    leafCores: new Int32Array(leafCount * length),
    leafLarge: new Int32Array(leafCount),
    largeWanted: 0,
    largeMax: 0,
    largeCounts: new Int32Array(coreCount + 1),
    all: { counts: new Int32Array(length), at: 0, coreSizeMax },
    sum: { counts: new Int32Array(length), at: 0, coreSizeMax },
    leaves: new Int32Array(leafCount),
    leafCount: 0,
    prefixCpus: new Int32Array(leafCount + 1),
    l3Seen: new Uint8Array(l3Count),
    pathCpus: new Int32Array(leafCount + 1),
    pathLarge: new Int32Array(leafCount + 1),
    modules,
    candidate: createRegion(leafCount, moduleCount),
    best: createRegion(leafCount, moduleCount),
    found: false,
    wanted: 0,
    served: false,
    perfect: false,
    coresBest: 0,
    clustersBest: 0,
  };
}

/** Counts the cores of every leaf, and how many of the large ones a set needs to keep within the limit of cores. */
export function countLeaves(search: LeafSearch): void {
  const { census, goal, leafCores, leafLarge } = search;
  const { coreSizeMax, leafCount } = census.index;
  const length = histogramLength(coreSizeMax);
  countCoresByGroup(census, census.index.coreLeaf, leafCores);
  if (search.modules) openModules(search.modules, census, goal);
  for (let leaf = 0; leaf < leafCount; leaf += 1) {
    const at = leaf * length;
    leafLarge[leaf] = goal.spread
      ? countCores({ counts: leafCores, at, coreSizeMax })
      : (leafCores[at + coreSizeMax] ?? 0) + (leafCores[at + 2 * coreSizeMax + 1] ?? 0);
  }
  // x cores of T threads and the others of T - 1 at most: x T + (cores - x) (T - 1) must reach the CPUs wanted.
  search.largeWanted = goal.spread ? goal.limit.cores : goal.cpus - goal.limit.cores * (coreSizeMax - 1);
}
