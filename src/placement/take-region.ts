import { type Census, takeFromCore } from './census.ts';
import {
  type CoreHistogram,
  type CorePlan,
  countFewestCores,
  countUnbrokenCores,
  histogramLength,
  planFewestCores,
  planUnbrokenCores,
} from './core-histogram.ts';
import { type Lists, sumSizes } from './lists.ts';
import type { MachineIndex } from './machine-index.ts';
import { sortByCount } from './order.ts';
import type { Region } from './region.ts';

/** Arrays for `takeRegion`, reused from one choice to the next. */
export interface TakeRegionScratch {
  readonly cores: CoreHistogram;
  readonly plan: CorePlan;
}

/** Scratch for the machine. */
export function createTakeRegionScratch({ coreSizeMax }: MachineIndex): TakeRegionScratch {
  const length = histogramLength(coreSizeMax);
  return {
    cores: { counts: new Int32Array(length), at: 0, coreSizeMax },
    plan: { quotas: new Int32Array(length), lastSlot: 0, lastCpus: 0 },
  };
}

function slotOf({ index, coreFree }: Census, core: number): number {
  const free = coreFree[core] ?? 0;
  return free > 1 && free === index.coreSize[core] ? free : index.coreSizeMax + 1 + free;
}

/** The parts that a region is made of: modules where the machine has any, else leaves. */
interface RegionParts {
  readonly ids: Int32Array;
  readonly count: number;
  readonly cores: Lists;
}

function partsOf({ index }: Census, region: Region): RegionParts {
  return index.modules
    ? { ids: region.modules, count: region.moduleCount, cores: index.modules.cores }
    : { ids: region.leaves, count: region.leafCount, cores: index.leafCores };
}

/** Puts the parts in order, those with the fewest free CPUs first. */
function sortParts({ index, leafFree, coreFree }: Census, { ids, count }: RegionParts): void {
  const { modules } = index;
  sortByCount(ids, 0, count, modules ? sumSizes(modules.ofCore, coreFree, modules.count) : leafFree);
}

/** Calls `visit` for the parts' cores with free threads, fullest part first, until it returns false. */
function visitCores(census: Census, { ids, count, cores }: RegionParts, visit: (core: number) => boolean): void {
  for (let i = 0; i < count; i += 1) {
    const part = ids[i] ?? 0;
    const end = cores.starts[part + 1] ?? 0;
    for (let at = cores.starts[part] ?? 0; at < end; at += 1) {
      const core = cores.items[at] ?? 0;
      if ((census.coreFree[core] ?? 0) > 0 && !visit(core)) return;
    }
  }
}

/** Counts the parts' free cores. */
function countCoresOfParts(census: Census, { ids, count, cores }: RegionParts, { counts }: CoreHistogram): void {
  counts.fill(0);
  for (let i = 0; i < count; i += 1) {
    const part = ids[i] ?? 0;
    const end = cores.starts[part + 1] ?? 0;
    for (let at = cores.starts[part] ?? 0; at < end; at += 1) {
      const core = cores.items[at] ?? 0;
      if ((census.coreFree[core] ?? 0) === 0) continue;
      const slot = slotOf(census, core);
      counts[slot] = (counts[slot] ?? 0) + 1;
    }
  }
}

/** Takes `cpus` CPUs on as few of the region's cores as possible, breaking a core only if the region says so. */
export function packRegion(census: Census, region: Region, cpus: number, scratch: TakeRegionScratch): void {
  const { cores, plan } = scratch;
  const parts = partsOf(census, region);
  sortParts(census, parts);
  countCoresOfParts(census, parts, cores);
  const unbroken = countUnbrokenCores(cores, cpus);
  const breaks = region.brokenCores > 0 && countFewestCores(cores, cpus) < unbroken;
  if (breaks) planFewestCores(cores, cpus, plan);
  else planUnbrokenCores(cores, cpus, plan);
  const { quotas } = plan;
  let left = cpus;
  visitCores(census, parts, (core) => {
    const slot = slotOf(census, core);
    const quota = quotas[slot] ?? 0;
    if (quota > 0) {
      quotas[slot] = quota - 1;
      left -= takeFromCore(census, core, Number.POSITIVE_INFINITY);
    } else if (plan.lastCpus > 0 && slot === plan.lastSlot) {
      left -= takeFromCore(census, core, plan.lastCpus);
      plan.lastCpus = 0;
    }
    return left > 0;
  });
}

/** Takes one more thread of each core that had `free` of them at first, until `cpus` are taken; returns how many it took. */
function takeThreadEach(
  census: Census,
  parts: RegionParts,
  untouched: Int32Array,
  { free, cpus }: { free: number; cpus: number },
): number {
  let taken = 0;
  visitCores(census, parts, (core) => {
    if (untouched[core] === free) taken += takeFromCore(census, core, 1);
    return taken < cpus;
  });
  return taken;
}

/** Takes `cpus` CPUs on as many of the region's cores as possible, a thread at a time, first of the cores with most free threads. */
export function spreadOverRegion(census: Census, region: Region, cpus: number): void {
  const { coreSizeMax } = census.index;
  const parts = partsOf(census, region);
  sortParts(census, parts);
  const untouched = census.coreFree.slice();
  let left = cpus;
  for (let round = 0; round < coreSizeMax; round += 1) {
    for (let free = coreSizeMax; free > round && left > 0; free -= 1) {
      left -= takeThreadEach(census, parts, untouched, { free, cpus: left });
    }
  }
}
