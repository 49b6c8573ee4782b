import type { MachineIndex } from './machine-index.ts';

/** What a choice touches; lower is better in every column, but for `spread`, which wants many cores. */
export interface PlacementScore {
  readonly sockets: number;
  readonly numaNodes: number;
  readonly l3Caches: number;
  readonly cores: number;
  /** Cores that were wholly free (every online thread) and are now only partly used. */
  readonly brokenCores: number;
}

/** Arrays for `scoreCpus`, reused from one choice to the next. */
export interface ScoreScratch {
  readonly coreTaken: Int32Array;
  readonly seen: Uint8Array;
}

/** Scratch for the machine, whose counts are all 0 between two uses. */
export function createScoreScratch(index: MachineIndex): ScoreScratch {
  const domains = index.leafCount + index.cellCount + index.socketCount + index.nodeCount + index.l3Count;
  return { coreTaken: new Int32Array(index.coreCount), seen: new Uint8Array(domains) };
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
): PlacementScore {
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
  return { ...scoreLeaves(index, seen), cores, brokenCores };
}

/** Where in `seen` the caches are. */
function findL3s({ leafCount, cellCount, socketCount, nodeCount }: MachineIndex): number {
  return leafCount + cellCount + socketCount + nodeCount;
}

/** Counts the domains over the leaves marked in `seen`, and the caches that are marked themselves, and clears it. */
function scoreLeaves(
  index: MachineIndex,
  seen: Uint8Array,
): Pick<PlacementScore, 'sockets' | 'numaNodes' | 'l3Caches'> {
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
  seen.fill(0);
  return { sockets, numaNodes, l3Caches };
}
