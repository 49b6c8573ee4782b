import { CodedError } from '../lib/coded-error.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { countOf, verbFor } from '../lib/count.ts';

/** The machine cannot be made into devices as configured. */
export class DeviceError extends CodedError<'SharedPoolTooLarge'> {
  override readonly name = 'DeviceError';
}

/**
 * Chooses the CPUs that no claim gets so that containers without a claim always have `cpusMin` (`sharedPoolMinCPUs`): first what
 * unavailable CPUs leave of their cores, which is of least use to claims, then whole cores in order of their lowest CPU. Whole
 * cores only, so up to a core more than asked for.
 * @param unavailable CPUs that are reserved, or that no container can have.
 * @throws DeviceError when claims would be left with nothing.
 */
export function keepForSharedPool(topology: CpuTopology, unavailable: CpuSet, cpusMin: number): CpuSet {
  if (cpusMin === 0) return CpuSet.empty;
  const allocatable = topology.online.difference(unavailable);
  const cores = topology.cores.map(({ cpus }) => ({
    own: cpus.intersection(allocatable),
    isCut: cpus.intersects(unavailable),
  }));
  const ranked = cores
    .filter(({ own }) => !own.isEmpty)
    .sort((a, b) => Number(b.isCut) - Number(a.isCut) || (a.own.first ?? 0) - (b.own.first ?? 0));
  let kept = CpuSet.empty;
  for (const { own } of ranked) {
    if (kept.size >= cpusMin) break;
    kept = kept.union(own);
  }
  if (kept.size >= cpusMin && kept.size < allocatable.size) return kept;
  throw new DeviceError(
    'SharedPoolTooLarge',
    `Cannot keep ${countOf(cpusMin, 'CPU')} for containers without a claim (sharedPoolMinCPUs): ${countOf(allocatable.size, 'CPU')} ${verbFor(allocatable.size, 'is', 'are')} left ` +
      `(${allocatable.isEmpty ? 'none' : allocatable}), and claims must be left a core; lower sharedPoolMinCPUs or reservedCPUs`,
  );
}
