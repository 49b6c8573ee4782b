import type { Census } from './census.ts';

/**
 * Cores of a set of leaves counted by kind. With `T` threads in the machine's largest core a histogram has `2 T + 2` slots:
 * slot `k` counts wholly free cores of `k` threads (2 or more), slot `T + 1 + k` cores with `k` free threads that cannot be
 * broken, because other threads of theirs are taken or because they have one thread only.
 */
export interface CoreHistogram {
  readonly counts: Int32Array;
  /** Where in `counts` this histogram starts. */
  readonly at: number;
  readonly coreSizeMax: number;
}

/** Slots of one histogram. */
export function histogramLength(coreSizeMax: number): number {
  return 2 * coreSizeMax + 2;
}

/** Counts the free cores of every group (leaf or module); group `i` starts at `i * histogramLength`. */
export function countCoresByGroup(census: Census, groupOf: Int32Array, counts: Int32Array): void {
  const { index, coreFree } = census;
  const { coreCount, coreSize, coreSizeMax } = index;
  const length = histogramLength(coreSizeMax);
  counts.fill(0);
  for (let core = 0; core < coreCount; core += 1) {
    const free = coreFree[core] ?? 0;
    if (free === 0) continue;
    const whole = free > 1 && free === coreSize[core];
    const slot = (groupOf[core] ?? 0) * length + (whole ? free : coreSizeMax + 1 + free);
    counts[slot] = (counts[slot] ?? 0) + 1;
  }
}

/** Counts the free cores of the whole machine. */
export function countCoresOfMachine(census: Census, { counts, at, coreSizeMax }: CoreHistogram): void {
  const { coreFree, index } = census;
  const { coreCount, coreSize } = index;
  counts.fill(0, at, at + histogramLength(coreSizeMax));
  for (let core = 0; core < coreCount; core += 1) {
    const free = coreFree[core] ?? 0;
    if (free === 0) continue;
    const slot = at + (free > 1 && free === coreSize[core] ? free : coreSizeMax + 1 + free);
    counts[slot] = (counts[slot] ?? 0) + 1;
  }
}

/** Cores with a free thread. */
export function countCores({ counts, at, coreSizeMax }: CoreHistogram): number {
  let cores = 0;
  for (let slot = at; slot < at + histogramLength(coreSizeMax); slot += 1) cores += counts[slot] ?? 0;
  return cores;
}

/** The fewest cores that have `cpus` free threads; Infinity where all of them have fewer. */
export function countFewestCores({ counts, at, coreSizeMax }: CoreHistogram, cpus: number): number {
  let left = cpus;
  let cores = 0;
  for (let free = coreSizeMax; free >= 1; free -= 1) {
    const here = (counts[at + free] ?? 0) + (counts[at + coreSizeMax + 1 + free] ?? 0);
    if (left <= here * free) return cores + Math.ceil(left / free);
    left -= here * free;
    cores += here;
  }
  return Number.POSITIVE_INFINITY;
}

/** The same over cores that cannot be broken. */
function countFewestUnbreakable({ counts, at, coreSizeMax }: CoreHistogram, cpus: number): number {
  let left = cpus;
  let cores = 0;
  for (let free = coreSizeMax; free >= 1 && left > 0; free -= 1) {
    const here = counts[at + coreSizeMax + 1 + free] ?? 0;
    if (left <= here * free) return cores + Math.ceil(left / free);
    left -= here * free;
    cores += here;
  }
  return left === 0 ? cores : Number.POSITIVE_INFINITY;
}

/** Free threads on cores that cannot be broken and have more of them than `size`. */
function countLargerUnbreakable({ counts, at, coreSizeMax }: CoreHistogram, size: number): number {
  let threads = 0;
  for (let free = size + 1; free <= coreSizeMax; free += 1) {
    threads += free * (counts[at + coreSizeMax + 1 + free] ?? 0);
  }
  return threads;
}

/**
 * The fewest cores that give `cpus` threads without breaking one; Infinity where that is impossible.
 *
 * Of the wholly free cores of one size nearly as many as fit are used: leaving `size` or more of them out never helps, because
 * among that many smaller pieces some add up to whole cores of this size again. Only pieces that are larger may take their
 * place, and then all of these: cores of more threads of which some are not free. So each size has `2 size` cases at most.
 * @param size whole cores of up to this size are considered.
 */
export function countUnbrokenCores(histogram: CoreHistogram, cpus: number, size = histogram.coreSizeMax): number {
  if (cpus === 0) return 0;
  if (size < 2) return countFewestUnbreakable(histogram, cpus);
  const most = wholeCoresThatFit(histogram, cpus, size);
  const least = Math.max(0, most - size + 1);
  let best = countUsingWhole(histogram, cpus, { size, most, least });
  const larger = least === 0 ? 0 : countLargerUnbreakable(histogram, size);
  if (larger > 0) {
    const beside = Math.max(0, Math.ceil((cpus - larger) / size));
    const range = { size, most: Math.min(least - 1, beside), least: Math.max(0, beside - size) };
    best = Math.min(best, countUsingWhole(histogram, cpus, range));
  }
  return best;
}

/** `countUnbrokenCores` with `most` to `least` of the wholly free cores of `size`. */
function countUsingWhole(
  histogram: CoreHistogram,
  cpus: number,
  { size, most, least }: { readonly size: number; readonly most: number; readonly least: number },
): number {
  let best = Number.POSITIVE_INFINITY;
  for (let used = most; used >= least; used -= 1) {
    const cores = used + countUnbrokenCores(histogram, cpus - used * size, size - 1);
    if (cores < best) best = cores;
  }
  return best;
}

function wholeCoresThatFit({ counts, at }: CoreHistogram, cpus: number, size: number): number {
  return Math.min(counts[at + size] ?? 0, Math.floor(cpus / size));
}

/** How many cores of each kind to use whole, and at most one of which only some threads are used. */
export interface CorePlan {
  /** Slots as in a histogram. */
  readonly quotas: Int32Array;
  /** The slot of the core that gives `lastCpus` threads. */
  lastSlot: number;
  /** 0: there is no such core. */
  lastCpus: number;
}

/** Plans `countUnbrokenCores`, which must be possible. */
export function planUnbrokenCores(histogram: CoreHistogram, cpus: number, plan: CorePlan): void {
  plan.quotas.fill(0);
  plan.lastCpus = 0;
  let left = cpus;
  for (let size = histogram.coreSizeMax; size >= 2; size -= 1) {
    const most = wholeCoresThatFit(histogram, left, size);
    const best = countUnbrokenCores(histogram, left, size);
    let used = most;
    while (used > 0 && used + countUnbrokenCores(histogram, left - used * size, size - 1) > best) used -= 1;
    plan.quotas[size] = used;
    left -= used * size;
  }
  planLargestFirst(histogram, left, plan, false);
}

/** Plans `countFewestCores`, which must be possible. One core at most is broken, and only if none that is broken already serves. */
export function planFewestCores(histogram: CoreHistogram, cpus: number, plan: CorePlan): void {
  plan.quotas.fill(0);
  plan.lastCpus = 0;
  planLargestFirst(histogram, cpus, plan, true);
}

function planLargestFirst(histogram: CoreHistogram, cpus: number, plan: CorePlan, breakCores: boolean): void {
  const { counts, at, coreSizeMax } = histogram;
  let left = cpus;
  for (let free = coreSizeMax; free >= 1; free -= 1) {
    for (const slot of breakCores ? [free, coreSizeMax + 1 + free] : [coreSizeMax + 1 + free]) {
      const used = Math.max(0, Math.min(counts[at + slot] ?? 0, Math.ceil(left / free) - 1));
      plan.quotas[slot] = (plan.quotas[slot] ?? 0) + used;
      left -= used * free;
    }
    // Fewer cores than one more of this size cannot do: `left` is 1 to `free` if such a core is there.
    if (left <= free && planLastCore(histogram, left, plan, breakCores)) return;
  }
}

/** Gives the last threads to the core that they fill best. */
function planLastCore(histogram: CoreHistogram, cpus: number, plan: CorePlan, breakCores: boolean): boolean {
  const { counts, at, coreSizeMax } = histogram;
  plan.lastCpus = cpus;
  if (cpus === 0) return true;
  for (const base of breakCores ? [coreSizeMax + 1, 0] : [coreSizeMax + 1]) {
    for (let free = cpus; free <= coreSizeMax; free += 1) {
      const slot = base + free;
      if ((counts[at + slot] ?? 0) <= (plan.quotas[slot] ?? 0)) continue;
      plan.lastSlot = slot;
      return true;
    }
  }
  return false;
}
