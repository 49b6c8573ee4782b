import { type CoreHistogram, countCores, countFewestCores, countUnbrokenCores } from './core-histogram.ts';
import type { RegionGoal } from './region.ts';

/** The columns that cores decide. */
export interface CoreColumns {
  cores: number;
  brokenCores: number;
}

/** What looking at a set of leaves or modules costs, in sets that are passed by: about its time divided by theirs. */
export function stepsFor(parts: number): number {
  return 4 + (parts >> 1);
}

/** Sets what the best choice among the cores costs; false where the cores cannot serve within the limit. */
export function judgeCores(columns: CoreColumns, cores: CoreHistogram, { cpus, limit, spread }: RegionGoal): boolean {
  columns.brokenCores = 0;
  if (spread) {
    columns.cores = Math.min(cpus, countCores(cores));
    return columns.cores >= limit.cores;
  }
  columns.cores = countFewestCores(cores, cpus);
  if (columns.cores > limit.cores) return false;
  const unbroken = countUnbrokenCores(cores, cpus);
  if (unbroken === columns.cores) return true;
  if (limit.brokenCores > 0) columns.brokenCores = 1;
  else columns.cores = unbroken;
  return columns.cores <= limit.cores;
}

/** Adds the histograms of `ids` in `source` up to `sum`. */
export function sumHistograms(source: Int32Array, ids: Int32Array, count: number, { counts }: CoreHistogram): void {
  const { length } = counts;
  counts.fill(0);
  for (let i = 0; i < count; i += 1) {
    const at = (ids[i] ?? 0) * length;
    for (let slot = 0; slot < length; slot += 1) {
      counts[slot] = (counts[slot] ?? 0) + (source[at + slot] ?? 0);
    }
  }
}
