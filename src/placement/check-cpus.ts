import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { countFree } from './census.ts';
import type { Placement } from './choice.ts';
import { PlacementError } from './placement-error.ts';
import { describeScore } from './placement-score.ts';
import { scoreCpus } from './score.ts';
import { scoreSplitCores } from './split-cores.ts';
import { openWorkspace } from './workspace.ts';

/** A list of CPUs that somebody else chose. */
export interface GivenCpus {
  readonly free: CpuSet;
  readonly cpus: CpuSet;
}

/**
 * Checks a list of CPUs that an external scheduler or a user chose, and scores it.
 * @throws PlacementError `InvalidCase` for an empty list, `Unsatisfiable` for CPUs that the machine does not have, that are
 * offline or not free; the message names them.
 */
export function checkCpus(topology: CpuTopology, { free, cpus }: GivenCpus): Placement {
  const action = `Cannot take CPUs ${cpus}`;
  if (cpus.isEmpty) throw new PlacementError('InvalidCase', `${action}: the list is empty; name at least one`);
  const offline = cpus.intersection(topology.offline);
  if (!offline.isEmpty) throw new PlacementError('Unsatisfiable', `${action}: ${offline} are offline`);
  const unknown = cpus.difference(topology.online);
  if (!unknown.isEmpty) {
    throw new PlacementError('Unsatisfiable', `${action}: this machine has no ${unknown}; it has ${topology.online}`);
  }
  const taken = cpus.difference(free);
  if (!taken.isEmpty) throw new PlacementError('Unsatisfiable', `${action}: ${taken} are not free`);
  const { index, before, score } = openWorkspace(topology);
  countFree(before, free.toWords());
  const words = new Uint32Array(index.wordCount);
  words.set(cpus.toWords());
  const columns = index.hasSplitCores
    ? scoreSplitCores(topology, { words, free })
    : scoreCpus(index, words, before.coreFree, score);
  return {
    cpus,
    score: describeScore(index, columns, { taken: words, free }),
    rule: { kind: 'given' },
    preferred: undefined,
  };
}
