import type { CpuTopology } from '../topology/topology.ts';

/** Lists of numbers in one array: list `i` is `items[starts[i] .. starts[i + 1]]`. */
export interface Lists {
  readonly starts: Int32Array;
  readonly items: Int32Array;
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
  /** SLIT distances, row by row over the dense nodes; undefined where the kernel gives none. */
  readonly distances: Int32Array | undefined;
}

/** Dense numbers for values, in ascending order. */
function denseNumbers(values: Iterable<number>): Map<number, number> {
  return new Map([...new Set(values)].sort((a, b) => a - b).map((value, index) => [value, index]));
}

/** Groups 0, 1, 2, ... by `groupOf`; members keep their order. */
function groupBy(groupOf: ArrayLike<number>, groupCount: number): Lists {
  const starts = new Int32Array(groupCount + 1);
  for (let i = 0; i < groupOf.length; i += 1) {
    const group = groupOf[i] ?? -1;
    if (group >= 0) starts[group + 1] = (starts[group + 1] ?? 0) + 1;
  }
  for (let group = 0; group < groupCount; group += 1)
    starts[group + 1] = (starts[group + 1] ?? 0) + (starts[group] ?? 0);
  const items = new Int32Array(starts[groupCount] ?? 0);
  const next = starts.slice();
  for (let i = 0; i < groupOf.length; i += 1) {
    const group = groupOf[i] ?? -1;
    if (group < 0) continue;
    const at = next[group] ?? 0;
    items[at] = i;
    next[group] = at + 1;
  }
  return { starts, items };
}

/** Numbers distinct keys in order of first appearance and remembers the first member of each. */
class Numbering {
  readonly #numbers = new Map<string, number>();
  readonly firsts: number[] = [];

  numberOf(key: string, member: number): number {
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.firsts.length;
      this.#numbers.set(key, number);
      this.firsts.push(member);
    }
    return number;
  }
}

function sumSizes(groupOf: ArrayLike<number>, sizes: Int32Array, groupCount: number): Int32Array {
  const sums = new Int32Array(groupCount);
  for (let i = 0; i < groupOf.length; i += 1) {
    const group = groupOf[i] ?? -1;
    if (group >= 0) sums[group] = (sums[group] ?? 0) + (sizes[i] ?? 0);
  }
  return sums;
}

function buildNodeWords(coreOfCpu: Int32Array, coreNode: Int32Array, nodeCount: number): Uint32Array {
  const wordCount = (coreOfCpu.length + 31) >>> 5;
  const words = new Uint32Array(nodeCount * wordCount);
  for (const [cpu, core] of coreOfCpu.entries()) {
    if (core < 0) continue;
    const at = (coreNode[core] ?? 0) * wordCount + (cpu >>> 5);
    words[at] = (words[at] ?? 0) | (1 << (cpu & 31));
  }
  return words;
}

function buildDistances(topology: CpuTopology, nodes: ReadonlyMap<number, number>): Int32Array | undefined {
  // A row has one entry per node of the machine, those without CPUs included.
  const rows = topology.numaNodes.map(({ numaNode, distances }) => ({ numaNode, distances }));
  const table = new Int32Array(nodes.size * nodes.size);
  for (const { numaNode, distances } of rows) {
    const from = nodes.get(numaNode);
    if (from === undefined) continue;
    if (distances?.length !== rows.length) return undefined;
    for (const [column, { numaNode: other }] of rows.entries()) {
      const to = nodes.get(other);
      if (to !== undefined) table[from * nodes.size + to] = distances[column] ?? 0;
    }
  }
  return nodes.size > 1 && rows.length >= nodes.size ? table : undefined;
}

/** The cache of each CPU by its id, -1 where it has none; undefined where all threads of a core have the same. */
function findSplitL3s(topology: CpuTopology, l3Numbers: ReadonlyMap<number, number>, cpuIdEnd: number) {
  const l3OfCore = new Map<number, number | undefined>();
  let isSplit = false;
  for (const { core, l3Cache } of topology.cpus) {
    if (!l3OfCore.has(core)) l3OfCore.set(core, l3Cache);
    else if (l3OfCore.get(core) !== l3Cache) isSplit = true;
  }
  if (!isSplit) return undefined;
  const l3OfCpu = new Int32Array(cpuIdEnd).fill(-1);
  for (const { cpu, l3Cache } of topology.cpus) l3OfCpu[cpu] = l3Numbers.get(l3Cache ?? -1) ?? -1;
  return l3OfCpu;
}

/** Puts the CPUs of every core in order of their caches, so that the first ones of a core share one. */
function sortByL3({ starts, items }: Lists, l3OfCpu: Int32Array): void {
  for (let core = 0; core + 1 < starts.length; core += 1) {
    const end = starts[core + 1] ?? 0;
    items.subarray(starts[core] ?? 0, end).sort((a, b) => (l3OfCpu[a] ?? 0) - (l3OfCpu[b] ?? 0) || a - b);
  }
}

function buildIndex(topology: CpuTopology): MachineIndex {
  const { cpus } = topology;
  const coreNumbers = denseNumbers(cpus.map(({ core }) => core));
  const nodeNumbers = denseNumbers(cpus.map(({ numaNode }) => numaNode));
  const socketNumbers = denseNumbers(cpus.map(({ socket }) => socket));
  const l3Numbers = denseNumbers(cpus.flatMap(({ l3Cache }) => l3Cache ?? []));
  const cpuIdEnd = cpus.reduce((end, { cpu }) => Math.max(end, cpu + 1), 0);

  const coreCount = coreNumbers.size;
  const coreOfCpu = new Int32Array(cpuIdEnd).fill(-1);
  for (const { cpu, core } of cpus) coreOfCpu[cpu] = coreNumbers.get(core) ?? -1;
  const coreCpus = groupBy(coreOfCpu, coreCount);
  const coreSize = sumSizes(coreOfCpu, new Int32Array(cpuIdEnd).fill(1), coreCount);

  const byCpu = new Map(cpus.map((cpu) => [cpu.cpu, cpu]));
  const coreLeaf = new Int32Array(coreCount);
  const leafNumbers = new Numbering();
  for (let core = 0; core < coreCount; core += 1) {
    const cpu = byCpu.get(coreCpus.items[coreCpus.starts[core] ?? 0] ?? 0);
    coreLeaf[core] = leafNumbers.numberOf(`${cpu?.socket} ${cpu?.numaNode} ${cpu?.l3Cache}`, core);
  }
  const leafCpus = leafNumbers.firsts.map((core) => byCpu.get(coreCpus.items[coreCpus.starts[core] ?? 0] ?? 0));
  const leafL3 = Int32Array.from(leafCpus, (cpu) => l3Numbers.get(cpu?.l3Cache ?? -1) ?? -1);
  const cellNumbers = new Numbering();
  const leafCell = Int32Array.from(leafCpus, (cpu, leaf) =>
    cellNumbers.numberOf(`${cpu?.socket} ${cpu?.numaNode}`, leaf),
  );
  const cellCpus = cellNumbers.firsts.map((leaf) => leafCpus[leaf]);
  const cellNode = Int32Array.from(cellCpus, (cpu) => nodeNumbers.get(cpu?.numaNode ?? -1) ?? -1);
  const cellSocket = Int32Array.from(cellCpus, (cpu) => socketNumbers.get(cpu?.socket ?? -1) ?? -1);

  const cellCount = cellCpus.length;
  const coreCell = coreLeaf.map((leaf) => leafCell[leaf] ?? -1);
  const coreL3 = coreLeaf.map((leaf) => leafL3[leaf] ?? -1);
  const coreNode = coreCell.map((cell) => cellNode[cell] ?? -1);
  const coreSocket = coreCell.map((cell) => cellSocket[cell] ?? -1);
  const l3Cores = groupBy(coreL3, l3Numbers.size);
  const l3OfCpu = findSplitL3s(topology, l3Numbers, cpuIdEnd);
  if (l3OfCpu) sortByL3(coreCpus, l3OfCpu);
  return {
    wordCount: (cpuIdEnd + 31) >>> 5,
    coreCount,
    leafCount: leafCpus.length,
    cellCount,
    nodeCount: nodeNumbers.size,
    socketCount: socketNumbers.size,
    l3Count: l3Numbers.size,
    coreOfCpu,
    coreCpus,
    coreLeaf,
    coreSize,
    coreSizeMax: coreSize.reduce((max, size) => Math.max(max, size), 0),
    coreSizeMin: coreSize.reduce((min, size) => Math.min(min, size), Number.POSITIVE_INFINITY),
    leafCores: groupBy(coreLeaf, leafCpus.length),
    leafCell,
    leafL3,
    l3OfCpu,
    l3sNest: l3Numbers.size === 0 || (!leafL3.includes(-1) && new Set(leafL3).size === leafL3.length),
    cellCores: groupBy(coreCell, cellCount),
    cellLeaves: groupBy(leafCell, cellCount),
    cellNode,
    cellSocket,
    l3Cores,
    l3Size: sumSizes(coreL3, coreSize, l3Numbers.size),
    nodeIds: Int32Array.from(nodeNumbers.keys()),
    nodeWords: buildNodeWords(coreOfCpu, coreNode, nodeNumbers.size),
    nodeCells: groupBy(cellNode, nodeNumbers.size),
    nodeSize: sumSizes(coreNode, coreSize, nodeNumbers.size),
    socketCells: groupBy(cellSocket, socketNumbers.size),
    socketSize: sumSizes(coreSocket, coreSize, socketNumbers.size),
    nodesFirst: socketNumbers.size >= nodeNumbers.size,
    distances: buildDistances(topology, nodeNumbers),
  };
}

const indexes = new WeakMap<CpuTopology, MachineIndex>();

/** The flat form of a topology; built once and kept as long as the topology lives. */
export function indexMachine(topology: CpuTopology): MachineIndex {
  let index = indexes.get(topology);
  if (!index) {
    index = buildIndex(topology);
    indexes.set(topology, index);
  }
  return index;
}
