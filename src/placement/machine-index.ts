import type { Lists } from './lists.ts';
import type { NodeDistances } from './node-distances.ts';

/**
 * The level 2 caches of a machine on which several cores share one (Intel's E-core modules, clusters of Arm and RISC-V).
 * A *module* is the part of one such cluster in one leaf, on most machines simply the cluster.
 */
export interface Modules {
  readonly count: number;
  readonly cores: Lists;
  readonly ofCore: Int32Array;
  readonly leaf: Int32Array;
  readonly cluster: Int32Array;
  readonly clusterCount: number;
}

/** The level 2 caches of a machine; a core without a known one has its own. */
export interface Clusters {
  readonly ofCore: Int32Array;
  /** The CPUs of each. */
  readonly sizes: Int32Array;
}

/**
 * A topology as flat arrays, for loops that cannot afford an object per CPU. Everything is renumbered densely in ascending
 * order of the topology's own numbers, so that "the lower id first" means the same here and there.
 *
 * A *cell* is one pair of socket and NUMA node that share CPUs (on most machines simply the smaller of the two), a *leaf* one
 * triple of socket, NUMA node and L3 cache (on most machines simply an L3 cache). Both exist so that no nesting is assumed:
 * sockets may hold several nodes or nodes several sockets. A core belongs where its lowest CPU does.
 */
export interface MachineIndex {
  /** 32-bit words that hold every CPU id. */
  readonly wordCount: number;
  readonly coreCount: number;
  readonly leafCount: number;
  readonly cellCount: number;
  readonly nodeCount: number;
  readonly socketCount: number;
  readonly l3Count: number;
  /** Whether firmware put the threads of a core into different NUMA nodes; see CoreUnit. */
  readonly hasSplitCores: boolean;
  /** By CPU id; -1 where the machine has no such online CPU. */
  readonly coreOfCpu: Int32Array;
  /** The CPUs of each core in ascending order, or where it has several caches cache by cache. */
  readonly coreCpus: Lists;
  readonly coreLeaf: Int32Array;
  /** Online threads of the core. */
  readonly coreSize: Int32Array;
  /** Threads of the largest and of the smallest core. */
  readonly coreSizeMax: number;
  readonly coreSizeMin: number;
  readonly leafCores: Lists;
  readonly leafCell: Int32Array;
  /** -1 where the kernel reports no L3 cache. */
  readonly leafL3: Int32Array;
  /**
   * By CPU id, where threads of one core have different caches (POWER10: the two halves of a core with eight threads); undefined
   * where a core has one, which its leaf tells. A core's leaf is that of its lowest CPU.
   */
  readonly l3OfCpu: Int32Array | undefined;
  /**
   * Whether more leaves are more caches: each has one of its own, or none is known. Not so where a cache serves several nodes
   * (Intel sub-NUMA clusters) or sockets, or where some cores have none (the low-power ones of Intel hybrids).
   */
  readonly l3sNest: boolean;
  /** Undefined where the kernel reports none. */
  readonly clusters: Clusters | undefined;
  /** Undefined where no level 2 cache is known to be shared by cores, so that cores say all there is to say. */
  readonly modules: Modules | undefined;
  readonly cellCores: Lists;
  readonly cellLeaves: Lists;
  readonly cellNode: Int32Array;
  readonly cellSocket: Int32Array;
  readonly l3Cores: Lists;
  readonly l3Size: Int32Array;
  /** The kernel's number of each node. */
  readonly nodeIds: Int32Array;
  /** The CPUs of each node, `wordCount` words a node. */
  readonly nodeWords: Uint32Array;
  readonly nodeCells: Lists;
  readonly nodeSize: Int32Array;
  readonly socketCells: Lists;
  readonly socketSize: Int32Array;
  /** Whether a NUMA node is at least as large as a socket; the kubelet then fills nodes before sockets. */
  readonly nodesFirst: boolean;
  /** Undefined where the kernel gives no distances, or there is one node. */
  readonly distances: NodeDistances | undefined;
}
