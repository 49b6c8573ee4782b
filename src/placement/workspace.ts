import type { CpuTopology } from '../topology/topology.ts';
import { type BestFitScratch, createBestFitScratch } from './best-fit.ts';
import { type Census, createCensus } from './census.ts';
import { indexMachine, type MachineIndex } from './machine-index.ts';
import { createScoreScratch, type ScoreScratch } from './score.ts';

/**
 * Everything a choice over one machine needs besides the request, allocated once. A choice leaves nothing behind that the
 * next one reads, so that the same request always has the same answer.
 */
export interface Workspace {
  readonly index: MachineIndex;
  /** What was free before the choice; never taken from. */
  readonly before: Census;
  /** What candidates take from. */
  readonly census: Census;
  readonly bestFit: BestFitScratch;
  readonly score: ScoreScratch;
}

const workspaces = new WeakMap<CpuTopology, Workspace>();

/** The machine's workspace; built once and kept as long as the topology lives. */
export function openWorkspace(topology: CpuTopology): Workspace {
  let workspace = workspaces.get(topology);
  if (!workspace) {
    const index = indexMachine(topology);
    workspace = {
      index,
      before: createCensus(index),
      census: createCensus(index),
      bestFit: createBestFitScratch(index),
      score: createScoreScratch(index),
    };
    workspaces.set(topology, workspace);
  }
  return workspace;
}
