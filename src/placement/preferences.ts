import { CpuSet } from '../cpuset/cpu-set.ts';
import type { CoreType, CpuTopology } from '../topology/topology.ts';

/** Which CPUs a request may take, and which it would rather. */
export interface CpuWishes {
  readonly free: CpuSet;
  readonly coreType?: CoreType;
  readonly isolated?: 'prefer' | 'require';
  readonly near?: CpuSet;
}

const ofCoreType = new WeakMap<CpuTopology, Map<CoreType, CpuSet>>();

function findCoreType(topology: CpuTopology, coreType: CoreType): CpuSet {
  let byType = ofCoreType.get(topology);
  if (!byType) {
    byType = new Map();
    ofCoreType.set(topology, byType);
  }
  let cpus = byType.get(coreType);
  if (!cpus) {
    cpus = CpuSet.from(topology.cpus.filter((cpu) => cpu.coreType === coreType).map(({ cpu }) => cpu));
    byType.set(coreType, cpus);
  }
  return cpus;
}

/** The CPUs that may be taken: free, of the core type wanted, and isolated where that is required. */
export function findAllowed(topology: CpuTopology, { free, coreType, isolated }: CpuWishes): CpuSet {
  const typed = coreType === undefined ? free : free.intersection(findCoreType(topology, coreType));
  return isolated === 'require' ? typed.intersection(topology.isolated) : typed;
}

/**
 * The preferred ones among the allowed CPUs, most wanted first: isolated and near, isolated, isolated or near. Each set holds those
 * before it; empty and repeated ones are left out, and so is the set of all that are allowed.
 */
export function findPreferred(topology: CpuTopology, allowed: CpuSet, { isolated, near }: CpuWishes): CpuSet[] {
  const isolatedCpus = isolated === 'prefer' ? allowed.intersection(topology.isolated) : undefined;
  const nearCpus = near && allowed.intersection(near);
  const sets =
    isolatedCpus && nearCpus
      ? [isolatedCpus.intersection(nearCpus), isolatedCpus, isolatedCpus.union(nearCpus)]
      : [isolatedCpus ?? nearCpus ?? CpuSet.empty];
  return sets.filter(
    (set, i) => !set.isEmpty && !set.equals(allowed) && !sets.slice(0, i).some((before) => before.equals(set)),
  );
}
