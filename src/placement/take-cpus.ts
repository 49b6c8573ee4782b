import { CpuSet } from '../cpuset/cpu-set.ts';
import type { CoreType, CpuTopology } from '../topology/topology.ts';
import { takeBestFit } from './best-fit.ts';
import { copyCensus, countFree } from './census.ts';
import { takeBetterRegion } from './improve.ts';
import { planNodes, takeShares } from './distributed.ts';
import { PlacementError } from './placement-error.ts';
import { type PlacementScore, scoreCpus } from './score.ts';
import { openWorkspace } from './workspace.ts';

export { PlacementError } from './placement-error.ts';
export type { PlacementScore } from './score.ts';

/** How CPUs are chosen; docs/placement.md explains each. */
export type PlacementPolicy =
  | 'packed'
  | 'packed-no-l3'
  | 'spread'
  | 'distributed'
  | 'full-cores'
  | 'one-thread-per-core'
  | 'single-l3'
  | 'single-numa-node'
  | 'single-socket';

/** What is wanted, and of what. */
export interface PlacementRequest {
  /** CPUs that may be taken; those that are not online are ignored. */
  readonly free: CpuSet;
  /** How many, 1 or more. */
  readonly cpus: number;
  readonly policy: PlacementPolicy;
  /** `distributed` only: CPUs are handed out in groups of this size; default 1. */
  readonly group?: number;
  /** Take CPUs of this core type only. */
  readonly coreType?: CoreType;
  /** Isolated CPUs (isolcpus=) are taken first, or only they. Without it they are CPUs like all others. */
  readonly isolated?: 'prefer' | 'require';
  /** `full-cores` only: take up to a whole core more rather than refuse. */
  readonly roundUp?: boolean;
  /** CPUs to prefer, e.g. those local to a PCIe root. */
  readonly near?: CpuSet;
}

/** A choice. */
export interface Placement {
  readonly cpus: CpuSet;
  readonly score: PlacementScore;
}

/**
 * Chooses CPUs. Pure and synchronous: nothing is reserved, the same request has the same answer.
 * @throws PlacementError `InvalidCase` for a request that makes no sense, `NotEnoughCPUs` when fewer CPUs are free than
 * wanted, `Unsatisfiable` when enough are free but not in the shape the policy demands.
 */
export function takeCpus(topology: CpuTopology, request: PlacementRequest): Placement {
  const { cpus, free } = request;
  if (!Number.isInteger(cpus) || cpus < 1) {
    throw new PlacementError('InvalidCase', `Cannot choose CPUs: ${cpus} are wanted; want a whole number, 1 or more`);
  }
  const workspace = openWorkspace(topology);
  const { before, census, index } = workspace;
  countFree(before, free.toWords());
  if (before.total < cpus) {
    throw new PlacementError('NotEnoughCPUs', `Cannot choose ${cpus} CPUs: ${before.total} are free`);
  }
  copyCensus(before, census);
  const spread = request.policy === 'spread';
  if (request.policy === 'distributed') {
    const group = request.group ?? 1;
    const plan = planNodes(before, { cpus, group }, workspace.bestFit);
    if (plan) takeShares(census, plan, group, workspace.bestFit);
    else takeBestFit(census, cpus, { alignL3: false, spread: false }, workspace.bestFit);
    const score = scoreCpus(index, census.takenWords, before.coreFree, workspace.score);
    return { cpus: CpuSet.fromWords(census.takenWords), score };
  }
  takeBestFit(census, cpus, { alignL3: request.policy === 'packed', spread }, workspace.bestFit);
  workspace.keptWords.set(census.takenWords);
  const score = scoreCpus(index, census.takenWords, before.coreFree, workspace.score);
  const better = takeBetterRegion(workspace, { cpus, limit: score, strictly: true, spread });
  return { cpus: CpuSet.fromWords(better ? census.takenWords : workspace.keptWords), score: better ?? score };
}
