import { countFree, keepWholeCores } from './census.ts';
import type { Choice } from './choice.ts';
import { countCoresOfMachine, countUnbrokenCores } from './core-histogram.ts';
import { takeBestRegion } from './improve.ts';
import { takePacked } from './packed.ts';
import { PlacementError } from './placement-error.ts';
import { NO_LIMIT } from './region.ts';
import type { Workspace } from './workspace.ts';
import { countOf } from '../lib/count.ts';

/** What whole cores are wanted. */
export interface FullCoresRequest {
  readonly cpus: number;
  /** Take up to a core more rather than refuse. */
  readonly roundUp: boolean;
}

/** Takes exactly `cpus` CPUs in whole cores; undefined where sizes do not add up to that. */
function takeExactly(workspace: Workspace, cpus: number): Omit<Choice, 'rule'> | undefined {
  const { before, census, cores } = workspace;
  countCoresOfMachine(before, cores);
  if (before.total < cpus || countUnbrokenCores(cores, cpus) === Number.POSITIVE_INFINITY) return undefined;
  const packed = takePacked(workspace, cpus, { alignL3: true, spread: false });
  if (packed.score.brokenCores === 0) return packed;
  const limit = { ...NO_LIMIT, brokenCores: 0 };
  const score = takeBestRegion(workspace, { cpus, limit, strictly: false, spread: false });
  return score && { words: census.takenWords.slice(), score };
}

/**
 * Takes whole physical cores only, as the kubelet's `full-pcpus-only` promises: nobody else gets a thread of them. A core
 * with an offline thread is whole when its online threads are free.
 * @throws PlacementError `Unsatisfiable` when whole cores do not add up to the request.
 */
export function takeFullCores(workspace: Workspace, words: Uint32Array, { cpus, roundUp }: FullCoresRequest): Choice {
  const { before, index } = workspace;
  countFree(before, words);
  countFree(before, keepWholeCores(before));
  const most = roundUp ? cpus + index.coreSizeMax - 1 : cpus;
  for (let count = cpus; count <= most; count += 1) {
    const choice = takeExactly(workspace, count);
    if (choice) return { ...choice, rule: { kind: 'whole-cores', added: count - cpus } };
  }
  const why =
    before.total < cpus
      ? `wholly free cores have ${countOf(before.total, 'CPU')}`
      : `no whole cores have exactly that many; ask for a multiple of ${index.coreSizeMax}, or allow rounding up`;
  throw new PlacementError('Unsatisfiable', `Cannot choose ${countOf(cpus, 'CPU')} in whole cores: ${why}`);
}
