import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuTopology } from '../topology/topology.ts';
import type { CoreUnit } from './build-index.ts';
import { countFree } from './census.ts';
import { type Choice, isBestFit } from './choice.ts';
import { PlacementError } from './placement-error.ts';
import type { PlacementPolicy } from './placement-request.ts';
import { compareColumns } from './region.ts';
import { type Columns, scoreCpus } from './score.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

/**
 * Policies of which a promise needs cores as they are, or places as they are, where firmware put the threads of a core into
 * different NUMA nodes. The others try both.
 */
const UNITS: Readonly<Record<PlacementPolicy, readonly CoreUnit[]>> = {
  packed: ['part', 'core'],
  'packed-no-l3': ['part', 'core'],
  spread: ['part', 'core'],
  distributed: ['part'],
  'full-cores': ['core'],
  'one-thread-per-core': ['core'],
  'single-l3': ['part', 'core'],
  'single-numa-node': ['part'],
  'single-socket': ['part', 'core'],
};

/** CPUs as CpuSet lays words out. */
export interface ScoredCpus {
  readonly words: Uint32Array;
  readonly free: CpuSet;
}

function has(words: Uint32Array, cpu: number): boolean {
  return ((words[cpu >>> 5] ?? 0) & (1 << (cpu & 31))) !== 0;
}

/** Scores CPUs of a machine with split cores: places are each CPU's own, cores are whole ones. */
export function scoreSplitCores(topology: CpuTopology, { words, free }: ScoredCpus): Columns {
  const { before, index, score } = openWorkspace(topology, 'part');
  countFree(before, free.toWords());
  const columns = scoreCpus(index, words, before.coreFree, score);
  const touched = topology.cores.filter(({ cpus }) => cpus.toArray().some((cpu) => has(words, cpu)));
  const broken = touched.filter(({ cpus }) => cpus.isSubsetOf(free) && !cpus.toArray().every((cpu) => has(words, cpu)));
  return { ...columns, cores: touched.length, brokenCores: broken.length };
}

/** What is chosen on a machine with split cores. */
export interface SplitCoresRequest {
  readonly policy: PlacementPolicy;
  readonly free: CpuSet;
  /** Many cores are wanted, not few. */
  readonly spread: boolean;
  /** @throws PlacementError */
  readonly choose: (workspace: Workspace) => Choice;
}

/**
 * Chooses with cores taken apart into their threads of one NUMA node, and with whole cores, as far as the policy allows, and takes
 * what scores better.
 * @throws PlacementError as `choose` does.
 */
export function chooseOnSplitCores(topology: CpuTopology, request: SplitCoresRequest): Choice {
  const { policy, free, spread, choose } = request;
  const attempts = UNITS[policy].map((unit) => attempt(() => choose(openWorkspace(topology, unit))));
  const scored = attempts.flatMap((one) =>
    'failure' in one ? [] : [{ ...one, score: scoreSplitCores(topology, { words: one.words, free }) }],
  );
  const [best] = scored.sort((a, b) => compareColumns(a.score, b.score, spread));
  if (best) return isBestFit(best) ? { ...best, rule: { kind: 'split-cores' } } : best;
  throw attempts.flatMap((one) => ('failure' in one ? [one.failure] : []))[0];
}

function attempt(choose: () => Choice): Choice | { readonly failure: PlacementError } {
  try {
    return choose();
  } catch (error) {
    if (error instanceof PlacementError) return { failure: error };
    throw error;
  }
}
