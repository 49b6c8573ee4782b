import type { MachineIndex } from './machine-index.ts';
import { pairDistance } from './node-distances.ts';

/**
 * The columns by which choices are compared: what a choice touches. Lower is better in every one, but for `spread`, which wants
 * many cores. What the kernel does not report is 0.
 */
export interface Columns {
  readonly sockets: number;
  readonly numaNodes: number;
  readonly l3Caches: number;
  /** Level 2 caches; 0 on a machine where no cores share one (see Modules). */
  readonly clusters: number;
  readonly cores: number;
  /** Cores that were wholly free (every online thread) and are now only partly used. */
  readonly brokenCores: number;
  /** The distances between each two of the NUMA nodes, in both directions, added up. */
  readonly distance: number;
}

/** Arrays for `scoreCpus`, reused from one choice to the next. */
export interface ScoreScratch {
  readonly coreTaken: Int32Array;
  readonly seen: Uint8Array;
  readonly clusterSeen: Uint8Array;
}

/** Scratch for the machine, whose counts are all 0 between two uses. */
export function createScoreScratch(index: MachineIndex): ScoreScratch {
  const domains = index.leafCount + index.cellCount + index.socketCount + index.nodeCount + index.l3Count;
  return {
    coreTaken: new Int32Array(index.coreCount),
    seen: new Uint8Array(domains),
    clusterSeen: new Uint8Array(index.modules?.clusterCount ?? 0),
  };
}

/** Counts 1 the first time that `seen[at]` is visited. */
function mark(seen: Uint8Array, at: number): number {
  if (seen[at] === 1) return 0;
  seen[at] = 1;
  return 1;
}

/**
 * Scores the CPUs of `takenWords`, which were all free before.
 * @param coreFree how many CPUs of each core were free before the choice.
 */
export function scoreCpus(
  index: MachineIndex,
  takenWords: Uint32Array,
  coreFree: Int32Array,
  scratch: ScoreScratch,
): Columns {
  const { coreTaken, seen } = scratch;
  const { coreOfCpu, coreLeaf, coreSize, coreCount, l3OfCpu } = index;
  const l3sAt = findL3s(index);
  for (let w = 0; w < takenWords.length; w += 1) {
    let word = takenWords[w] ?? 0;
    while (word !== 0) {
      const bit = word & -word;
      word ^= bit;
      const cpu = (w << 5) + 31 - Math.clz32(bit);
      const core = coreOfCpu[cpu] ?? 0;
      coreTaken[core] = (coreTaken[core] ?? 0) + 1;
      const l3 = l3OfCpu?.[cpu] ?? -1;
      if (l3 >= 0) seen[l3sAt + l3] = 1;
    }
  }
  const clusters = index.modules ? countClusters(index.modules, scratch) : 0;
  let cores = 0;
  let brokenCores = 0;
  for (let core = 0; core < coreCount; core += 1) {
    const taken = coreTaken[core] ?? 0;
    if (taken === 0) continue;
    const size = coreSize[core] ?? 0;
    coreTaken[core] = 0;
    cores += 1;
    if (coreFree[core] === size && taken < size) brokenCores += 1;
    seen[coreLeaf[core] ?? 0] = 1;
  }
  return scoreLeaves(index, seen, { clusters, cores, brokenCores });
}

/** Counts the clusters of the cores of which something is taken. */
function countClusters(
  { ofCore, cluster }: NonNullable<MachineIndex['modules']>,
  { coreTaken, clusterSeen }: ScoreScratch,
): number {
  let clusters = 0;
  for (let core = 0; core < coreTaken.length; core += 1) {
    if (coreTaken[core] !== 0) clusters += mark(clusterSeen, cluster[ofCore[core] ?? 0] ?? 0);
  }
  clusterSeen.fill(0);
  return clusters;
}

/** Where in `seen` the caches are. */
function findL3s({ leafCount, cellCount, socketCount, nodeCount }: MachineIndex): number {
  return leafCount + cellCount + socketCount + nodeCount;
}

/** Counts the domains over the leaves marked in `seen`, and the caches that are marked themselves, and clears it. */
function scoreLeaves(
  index: MachineIndex,
  seen: Uint8Array,
  { clusters, cores, brokenCores }: Pick<Columns, 'clusters' | 'cores' | 'brokenCores'>,
): Columns {
  const { leafCount, cellCount, socketCount, leafCell, leafL3, cellSocket, cellNode } = index;
  const socketsAt = leafCount + cellCount;
  const nodesAt = socketsAt + socketCount;
  const l3sAt = findL3s(index);
  let sockets = 0;
  let numaNodes = 0;
  let l3Caches = 0;
  for (let at = l3sAt; index.l3OfCpu && at < seen.length; at += 1) l3Caches += seen[at] ?? 0;
  for (let leaf = 0; leaf < leafCount; leaf += 1) {
    if (seen[leaf] === 0) continue;
    const l3 = leafL3[leaf] ?? -1;
    const cell = leafCell[leaf] ?? 0;
    if (l3 >= 0 && !index.l3OfCpu) l3Caches += mark(seen, l3sAt + l3);
    sockets += mark(seen, socketsAt + (cellSocket[cell] ?? 0));
    numaNodes += mark(seen, nodesAt + (cellNode[cell] ?? 0));
  }
  const distance = numaNodes > 1 ? sumDistances(index, seen, nodesAt) : 0;
  seen.fill(0);
  return { sockets, numaNodes, l3Caches, clusters, cores, brokenCores, distance };
}

/** The distances between the nodes marked in `seen`. */
function sumDistances({ distances, nodeCount }: MachineIndex, seen: Uint8Array, nodesAt: number): number {
  if (!distances) return 0;
  let sum = 0;
  for (let a = 0; a < nodeCount; a += 1) {
    if (seen[nodesAt + a] !== 1) continue;
    for (let b = a + 1; b < nodeCount; b += 1) {
      if (seen[nodesAt + b] === 1) sum += pairDistance(distances, a, b);
    }
  }
  return sum;
}

/** Whether no nodes of as many sockets can be nearer to each other. */
export function isNearest({ distances }: MachineIndex, { sockets, numaNodes, distance }: Columns): boolean {
  return !distances || numaNodes < 2 || distance <= distances.leastSum(numaNodes, sockets);
}
