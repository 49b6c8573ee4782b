import type { CpuSet } from '../cpuset/cpu-set.ts';

/** What kind of core a CPU belongs to; `standard` where the machine has only one kind. */
export type CoreType = 'standard' | 'p-core' | 'e-core';

/**
 * One online logical CPU. Ordinals (`socket die cluster core l3Cache`) are dense, counted in order of the group's lowest CPU
 * and unique in the whole machine; `socketId`, `coreId` and `numaNode` are the kernel's numbers. What the kernel does not
 * tell is `undefined`, never -1.
 */
export interface Cpu {
  readonly cpu: number;
  readonly socket: number;
  /** `topology/physical_package_id`. */
  readonly socketId: number | undefined;
  readonly die: number | undefined;
  readonly cluster: number | undefined;
  readonly core: number;
  /** `topology/core_id`: repeated across sockets and dies on many machines, so never an identity. */
  readonly coreId: number | undefined;
  /** The `N` of `/sys/devices/system/node/nodeN`; 0 where the machine has no node directories. */
  readonly numaNode: number;
  readonly l3Cache: number | undefined;
  /** The online threads of its core, itself included. */
  readonly siblings: CpuSet;
  readonly coreType: CoreType;
  /** Listed in `cpu/isolated` (isolcpus=). */
  readonly isolated: boolean;
}

export interface Socket {
  readonly socket: number;
  readonly socketId: number | undefined;
  readonly cpus: CpuSet;
}

export interface Core {
  readonly core: number;
  readonly coreId: number | undefined;
  readonly socket: number;
  readonly cpus: CpuSet;
}

export interface L3Cache {
  readonly l3Cache: number;
  /** `cache/indexN/id` of its lowest CPU; not an identity: on some machines it repeats or differs within one cache. */
  readonly l3CacheId: number | undefined;
  readonly cpus: CpuSet;
  readonly sizeKiB: number | undefined;
}

/** Numbers of NUMA nodes: a set as one of CPUs is, and with the same text, a Linux list. */
export type NodeSet = CpuSet;

/** A NUMA node; one without CPUs (memory only) has the empty set. */
export interface NumaNode {
  readonly numaNode: number;
  readonly cpus: CpuSet;
  /** Listed in `node/has_memory`; undefined where the kernel does not tell. */
  readonly hasMemory: boolean | undefined;
  /** ACPI SLIT distances to every node, in ascending order of node id; undefined where the kernel gives none. */
  readonly distances: readonly number[] | undefined;
}

/** A PCIe root complex, e.g. `pci0000:00`. */
export interface PcieRoot {
  readonly pcieRoot: string;
  readonly cpus: CpuSet;
  readonly numaNode: number | undefined;
}

/** Something sysfs said that could not be read or contradicts something else. */
export interface TopologyProblem {
  readonly path: string;
  readonly message: string;
}

/** The machine as the kernel describes it. Every list is in ascending order of its first key. */
export interface CpuTopology {
  readonly cpus: readonly Cpu[];
  readonly sockets: readonly Socket[];
  readonly cores: readonly Core[];
  readonly l3Caches: readonly L3Cache[];
  readonly numaNodes: readonly NumaNode[];
  readonly pcieRoots: readonly PcieRoot[];
  readonly online: CpuSet;
  /** Present minus online. */
  readonly offline: CpuSet;
  readonly isolated: CpuSet;
  readonly nohzFull: CpuSet;
  readonly problems: readonly TopologyProblem[];
}
