import { type Census, copyCensus } from './census.ts';
import {
  type CoreHistogram,
  countCores,
  countCoresOfMachine,
  countFewestCores,
  countUnbrokenCores,
} from './core-histogram.ts';
import { countFewestModules, countModules } from './module-search.ts';
import { type RegionGoal, servesGoal } from './region.ts';
import { findRegion, type RegionSearch } from './region-search.ts';
import { type Columns, isNearest, type ScoreScratch, scoreCpus } from './score.ts';
import { packRegion, spreadOverRegion, type TakeRegionScratch } from './take-region.ts';

/** What an improvement needs of the machine's workspace. */
export interface ImproveScratch {
  readonly before: Census;
  readonly census: Census;
  readonly score: ScoreScratch;
  readonly regions: RegionSearch;
  readonly takeRegion: TakeRegionScratch;
  /** Cores of the whole machine. */
  readonly cores: CoreHistogram;
  /** As long as the longest list of domains. */
  readonly counts: Int32Array;
}

/** Whether the `domains` largest counts add up to `cpus`. */
function canHold(counts: Int32Array, domains: number, cpus: number, scratch: Int32Array): boolean {
  if (domains === 0) return false;
  scratch.set(counts);
  let left = cpus;
  for (let taken = 0; taken < domains && left > 0; taken += 1) {
    let largest = 0;
    for (let i = 1; i < counts.length; i += 1) if ((scratch[i] ?? 0) > (scratch[largest] ?? 0)) largest = i;
    left -= scratch[largest] ?? 0;
    scratch[largest] = 0;
  }
  return left <= 0;
}

/** Whether no column but the distance can be lower on this machine, whatever the others are. */
function isLowest(scratch: ImproveScratch, goal: RegionGoal): boolean {
  const { before, counts } = scratch;
  const { cpus, limit } = goal;
  return (
    areCoresFewest(scratch, goal) &&
    !canHold(before.socketFree, limit.sockets - 1, cpus, counts) &&
    !canHold(before.nodeFree, limit.numaNodes - 1, cpus, counts) &&
    (limit.l3Caches < 2 || (before.index.l3sNest && !canHold(before.l3Free, limit.l3Caches - 1, cpus, counts))) &&
    (limit.clusters < 2 || areClustersFewest(scratch, goal))
  );
}

function areCoresFewest({ before, cores }: ImproveScratch, { cpus, limit, spread }: RegionGoal): boolean {
  countCoresOfMachine(before, cores);
  if (spread) return limit.cores >= Math.min(cpus, countCores(cores));
  if (countFewestCores(cores, cpus) < limit.cores) return false;
  return limit.brokenCores === 0 || countUnbrokenCores(cores, cpus) > limit.cores;
}

function areClustersFewest({ before, regions }: ImproveScratch, { cpus, limit }: RegionGoal): boolean {
  const { modules } = regions.leafSearch;
  if (!modules) return true;
  countModules(modules, before);
  return countFewestModules(modules, cpus) >= limit.clusters;
}

/**
 * Looks for a choice that serves the goal and leaves it taken in the census; returns its score. Returns undefined, the
 * census's content then being of no use, when there is none.
 */
export function takeBestRegion(scratch: ImproveScratch, goal: RegionGoal): Columns | undefined {
  const { before, census, regions, takeRegion } = scratch;
  const region = findRegion(regions, before, goal);
  if (!region) return undefined;
  copyCensus(before, census);
  if (goal.spread) spreadOverRegion(census, region, goal.cpus);
  else packRegion(census, region, goal.cpus, takeRegion);
  const score = scoreCpus(census.index, census.takenWords, before.coreFree, scratch.score);
  // Where caches and nodes do not nest, the region's columns are an estimate; the score is not.
  return servesGoal(score, goal) ? score : undefined;
}

/** Like `takeBestRegion`, for a choice that is better than `goal.limit`; cheap where there can be none. */
export function takeBetterRegion(scratch: ImproveScratch, goal: RegionGoal): Columns | undefined {
  if (!isLowest(scratch, goal)) return takeBestRegion(scratch, goal);
  return isNearest(scratch.before.index, goal.limit)
    ? undefined
    : takeBestRegion(scratch, { ...goal, nearerOnly: true });
}
