import type { CpuTopology } from '../topology/topology.ts';
import { type BestFitScratch, createBestFitScratch } from './best-fit-scratch.ts';
import { type Census, createCensus } from './census.ts';
import { histogramLength } from './core-histogram.ts';
import type { ImproveScratch } from './improve.ts';
import { buildIndex, type CoreUnit } from './build-index.ts';
import type { MachineIndex } from './machine-index.ts';
import { createRegionSearch } from './region-search.ts';
import { createScoreScratch } from './score.ts';
import { createTakeRegionScratch } from './take-region.ts';

/**
 * Everything a choice over one machine needs besides the request, allocated once. A choice leaves nothing behind that the
 * next one reads, so that the same request always has the same answer.
 */
export interface Workspace extends ImproveScratch {
  readonly index: MachineIndex;
  /** What was free before the choice; never taken from. */
  readonly before: Census;
  /** What candidates take from. */
  readonly census: Census;
  readonly bestFit: BestFitScratch;
}

const workspaces: Readonly<Record<CoreUnit, WeakMap<CpuTopology, Workspace>>> = {
  core: new WeakMap(),
  part: new WeakMap(),
};

function createWorkspace(topology: CpuTopology, unit: CoreUnit): Workspace {
  const index = buildIndex(topology, unit);
  const { leafCount, cellCount, nodeCount, socketCount, l3Count, coreSizeMax } = index;
  const before = createCensus(index);
  return {
    index,
    before,
    census: createCensus(index),
    bestFit: createBestFitScratch(index),
    score: createScoreScratch(index),
    regions: createRegionSearch(before),
    takeRegion: createTakeRegionScratch(index),
    cores: { counts: new Int32Array(histogramLength(coreSizeMax)), at: 0, coreSizeMax },
    counts: new Int32Array(Math.max(leafCount, cellCount, nodeCount, socketCount, l3Count)),
  };
}

/** The machine's workspace; built once and kept as long as the topology lives. */
export function openWorkspace(topology: CpuTopology, unit: CoreUnit = 'core'): Workspace {
  let workspace = workspaces[unit].get(topology);
  if (!workspace) {
    workspace = createWorkspace(topology, unit);
    workspaces[unit].set(topology, workspace);
  }
  return workspace;
}
