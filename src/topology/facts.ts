import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { NumaNode, PcieRoot, TopologyProblem } from './topology.ts';

/** CPUs that share something, and the kernel's number of it. */
export interface CpuGroup {
  readonly cpus: CpuSet;
  readonly id: number | undefined;
}

/** A level 3 cache and the CPUs it serves. */
export interface L3Group extends CpuGroup {
  readonly sizeKiB: number | undefined;
}

/**
 * What is known of a machine before it is put in order. The groups of one list have no CPU in common, every CPU of a
 * core is in a socket, and a CPU that no core holds is left out of the topology. NUMA nodes may overlap.
 */
export interface MachineFacts {
  readonly online: CpuSet;
  readonly offline: CpuSet;
  readonly isolated: CpuSet;
  readonly nohzFull: CpuSet;
  readonly sockets: readonly CpuGroup[];
  readonly dies: readonly CpuGroup[];
  readonly clusters: readonly CpuGroup[];
  readonly cores: readonly CpuGroup[];
  /**
   * The kernel's `core_id` of CPUs that have another one than the core they are in (AMD Bulldozer numbers both halves of a
   * module).
   */
  readonly ownCoreIds?: ReadonlyMap<number, number>;
  readonly l3Caches: readonly L3Group[];
  readonly numaNodes: readonly NumaNode[];
  /** The CPUs of efficiency cores, all others being performance cores; undefined where there is one kind only. */
  readonly eCores: CpuSet | undefined;
  readonly pcieRoots: readonly PcieRoot[];
  readonly problems: readonly TopologyProblem[];
}
