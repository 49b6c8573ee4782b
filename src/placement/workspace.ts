import type { CpuTopology } from '../topology/topology.ts';
import { type BestFitScratch, createBestFitScratch } from './best-fit-scratch.ts';
import { type Census, createCensus } from './census.ts';
import { histogramLength } from './core-histogram.ts';
import type { ImproveScratch } from './improve.ts';
import { indexMachine, type MachineIndex } from './machine-index.ts';
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

const workspaces = new WeakMap<CpuTopology, Workspace>();

/** The machine's workspace; built once and kept as long as the topology lives. */
export function openWorkspace(topology: CpuTopology): Workspace {
  let workspace = workspaces.get(topology);
  if (!workspace) {
    const index = indexMachine(topology);
    const { leafCount, cellCount, nodeCount, socketCount, l3Count, coreSizeMax } = index;
    const before = createCensus(index);
    workspace = {
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
    workspaces.set(topology, workspace);
  }
  return workspace;
}
