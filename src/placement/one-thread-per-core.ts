import { countFree, keepWholeCores } from './census.ts';
import type { Choice } from './choice.ts';
import { takeBestRegion } from './improve.ts';
import { PlacementError } from './placement-error.ts';
import { NO_LIMIT } from './region.ts';
import type { Columns } from './score.ts';
import type { Workspace } from './workspace.ts';
import { countOf, verbFor } from '../lib/count.ts';

/** Takes `cpus` CPUs of as many cores, from the smallest region that has them, wholly free cores first. */
function takeThreads(workspace: Workspace, cpus: number): Omit<Choice, 'rule'> | undefined {
  const limit = { ...NO_LIMIT, cores: cpus };
  const score = takeBestRegion(workspace, { cpus, limit, strictly: false, spread: true });
  return score && { words: workspace.census.takenWords.slice(), score };
}

/**
 * Takes one thread of each core. Of cores in the same reach wholly free ones come first, although that breaks them:
 * who asks for one thread per core asks for undisturbed cores.
 * @throws PlacementError `Unsatisfiable` when fewer cores have a free thread.
 */
export function takeOneThreadPerCore(workspace: Workspace, words: Uint32Array, cpus: number): Choice {
  const { before } = workspace;
  countFree(before, words);
  const cores = before.coreFree.reduce((count, free) => count + (free > 0 ? 1 : 0), 0);
  const anyCores = cores >= cpus ? takeThreads(workspace, cpus) : undefined;
  if (!anyCores) {
    throw new PlacementError(
      'Unsatisfiable',
      `Cannot choose one thread of each of ${countOf(cpus, 'core')}: ${countOf(cores, 'core')} ${verbFor(cores, 'has', 'have')} a free thread; ask for no more than that`,
    );
  }
  countFree(before, keepWholeCores(before));
  const wholeCores = before.total >= cpus ? takeThreads(workspace, cpus) : undefined;
  const choice = wholeCores && !reachesFarther(wholeCores.score, anyCores.score) ? wholeCores : anyCores;
  return { ...choice, rule: { kind: 'one-thread-each' } };
}

function reachesFarther(a: Columns, b: Columns): boolean {
  return a.sockets > b.sockets || a.numaNodes > b.numaNodes || a.l3Caches > b.l3Caches || a.clusters > b.clusters;
}
