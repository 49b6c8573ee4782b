import type { Cpu, CpuTopology } from '../topology/topology.ts';
import { denseNumbers, groupBy, type Lists, Numbering, sumSizes } from './lists.ts';
import type { Clusters, MachineIndex, Modules } from './machine-index.ts';
import { buildDistances } from './node-distances.ts';

/** What is one core to the search where firmware put the threads of a core into different NUMA nodes. */
export type CoreUnit =
  /** All of its threads together, in the place of the lowest. */
  | 'core'
  /** Its threads of one node: places are each CPU's own, and such a core counts as several. */
  | 'part';

/** Whether threads of one core are in different NUMA nodes. */
function hasSplitCores({ cpus }: CpuTopology): boolean {
  const nodeOfCore = new Map(cpus.map(({ core, numaNode }) => [core, numaNode]));
  return cpus.some(({ core, numaNode }) => nodeOfCore.get(core) !== numaNode);
}

/** The cores with dense numbers: by CPU id, -1 where there is no CPU. */
function numberCores(
  topology: CpuTopology,
  unit: CoreUnit,
  cpuIdEnd: number,
): { coreOfCpu: Int32Array; count: number } {
  const key = ({ core, numaNode }: Cpu) => (unit === 'part' ? `${core} ${numaNode}` : `${core}`);
  const byCore = topology.cpus.toSorted((a, b) => a.core - b.core || a.numaNode - b.numaNode);
  const numbering = new Numbering();
  const coreOfCpu = new Int32Array(cpuIdEnd).fill(-1);
  for (const cpu of byCore) coreOfCpu[cpu.cpu] = numbering.numberOf(key(cpu), cpu.cpu);
  return { coreOfCpu, count: numbering.firsts.length };
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

/** The level 2 cache of each core, given its lowest CPU; undefined where the kernel reports none. */
function buildClusters(firstCpus: readonly (Cpu | undefined)[], coreSize: Int32Array): Clusters | undefined {
  if (firstCpus.every((cpu) => cpu?.cluster === undefined)) return undefined;
  const numbering = new Numbering();
  const ofCore = Int32Array.from(firstCpus, (cpu, core) =>
    numbering.numberOf(cpu?.cluster === undefined ? `core ${core}` : `${cpu.cluster}`, core),
  );
  return { ofCore, sizes: sumSizes(ofCore, coreSize, numbering.firsts.length) };
}

/** The modules of the machine; undefined where they say no more than leaves or cores do. */
function buildModules(clusters: Clusters | undefined, coreLeaf: Int32Array, leafCount: number): Modules | undefined {
  if (!clusters) return undefined;
  const modules = new Numbering();
  const ofCore = clusters.ofCore.map((cluster, core) => modules.numberOf(`${coreLeaf[core]} ${cluster}`, core));
  const count = modules.firsts.length;
  if (count === coreLeaf.length || count === leafCount) return undefined;
  return {
    count,
    cores: groupBy(ofCore, count),
    ofCore,
    leaf: Int32Array.from(modules.firsts, (core) => coreLeaf[core] ?? 0),
    cluster: Int32Array.from(modules.firsts, (core) => clusters.ofCore[core] ?? 0),
    clusterCount: clusters.sizes.length,
  };
}

/** The flat form of a topology. */
export function buildIndex(topology: CpuTopology, unit: CoreUnit): MachineIndex {
  const { cpus } = topology;
  const nodeNumbers = denseNumbers(cpus.map(({ numaNode }) => numaNode));
  const socketNumbers = denseNumbers(cpus.map(({ socket }) => socket));
  const l3Numbers = denseNumbers(cpus.flatMap(({ l3Cache }) => l3Cache ?? []));
  const cpuIdEnd = cpus.reduce((end, { cpu }) => Math.max(end, cpu + 1), 0);

  const { coreOfCpu, count: coreCount } = numberCores(topology, unit, cpuIdEnd);
  const coreCpus = groupBy(coreOfCpu, coreCount);
  const coreSize = sumSizes(coreOfCpu, new Int32Array(cpuIdEnd).fill(1), coreCount);

  const byCpu = new Map(cpus.map((cpu) => [cpu.cpu, cpu]));
  const firstCpus = Array.from(coreSize, (_, core) => byCpu.get(coreCpus.items[coreCpus.starts[core] ?? 0] ?? 0));
  const leafNumbers = new Numbering();
  const coreLeaf = Int32Array.from(firstCpus, (cpu, core) =>
    leafNumbers.numberOf(`${cpu?.socket} ${cpu?.numaNode} ${cpu?.l3Cache}`, core),
  );
  const leafCpus = leafNumbers.firsts.map((core) => firstCpus[core]);
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
  const clusters = buildClusters(firstCpus, coreSize);
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
    hasSplitCores: hasSplitCores(topology),
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
    clusters,
    modules: buildModules(clusters, coreLeaf, leafCpus.length),
    cellCores: groupBy(coreCell, cellCount),
    cellLeaves: groupBy(leafCell, cellCount),
    cellNode,
    cellSocket,
    l3Cores: groupBy(coreL3, l3Numbers.size),
    l3Size: sumSizes(coreL3, coreSize, l3Numbers.size),
    nodeIds: Int32Array.from(nodeNumbers.keys()),
    nodeWords: buildNodeWords(coreOfCpu, coreNode, nodeNumbers.size),
    nodeCells: groupBy(cellNode, nodeNumbers.size),
    nodeSize: sumSizes(coreNode, coreSize, nodeNumbers.size),
    socketCells: groupBy(cellSocket, socketNumbers.size),
    socketSize: sumSizes(coreSocket, coreSize, socketNumbers.size),
    nodesFirst: socketNumbers.size >= nodeNumbers.size,
    distances: buildDistances(topology, nodeNumbers, socketNumbers),
  };
}
