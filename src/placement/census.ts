import type { Lists } from './lists.ts';
import type { MachineIndex } from './machine-index.ts';

/**
 * Free CPUs counted on every level, and what was taken of them so far. The arrays are reused from one choice to the next:
 * a choice is synchronous, so one census per machine is enough.
 */
export interface Census {
  readonly index: MachineIndex;
  /** Free CPUs, as CpuSet lays words out. */
  readonly freeWords: Uint32Array;
  readonly takenWords: Uint32Array;
  readonly coreFree: Int32Array;
  readonly leafFree: Int32Array;
  readonly cellFree: Int32Array;
  readonly nodeFree: Int32Array;
  readonly socketFree: Int32Array;
  readonly l3Free: Int32Array;
  /** Free CPUs in all. */
  total: number;
  /** Whether CPUs were taken since the levels above the cores were counted; see `countLevels`. */
  isStale: boolean;
}

/** An empty census of a machine, to be filled by `countFree`. */
export function createCensus(index: MachineIndex): Census {
  return {
    index,
    freeWords: new Uint32Array(index.wordCount),
    takenWords: new Uint32Array(index.wordCount),
    coreFree: new Int32Array(index.coreCount),
    leafFree: new Int32Array(index.leafCount),
    cellFree: new Int32Array(index.cellCount),
    nodeFree: new Int32Array(index.nodeCount),
    socketFree: new Int32Array(index.socketCount),
    l3Free: new Int32Array(index.l3Count),
    total: 0,
    isStale: false,
  };
}

function add(counts: Int32Array, at: number, count: number): void {
  counts[at] = (counts[at] ?? 0) + count;
}

/** Counts the free CPUs of each core; a CPU that the machine does not have (or that is offline) is dropped. */
function countCores(census: Census, words: Uint32Array): void {
  const { coreFree, freeWords, index } = census;
  const { coreOfCpu, wordCount } = index;
  coreFree.fill(0);
  freeWords.fill(0);
  let total = 0;
  for (let w = 0; w < wordCount; w += 1) {
    let word = words[w] ?? 0;
    let known = 0;
    while (word !== 0) {
      const bit = word & -word;
      const core = coreOfCpu[(w << 5) + 31 - Math.clz32(bit)] ?? -1;
      word ^= bit;
      if (core < 0) continue;
      coreFree[core] = (coreFree[core] ?? 0) + 1;
      known |= bit;
      total += 1;
    }
    freeWords[w] = known;
  }
  census.total = total;
}

/** Starts over with the free CPUs in `words`; nothing is taken yet. */
export function countFree(census: Census, words: Uint32Array): void {
  countCores(census, words);
  census.takenWords.fill(0);
  census.isStale = true;
  countLevels(census);
}

/**
 * Brings the counts above the cores up to date. Taking CPUs changes only their cores' counts, because a choice takes many
 * cores between two looks at the levels above.
 */
export function countLevels(census: Census): void {
  if (!census.isStale) return;
  census.isStale = false;
  const { index, coreFree, leafFree, cellFree, nodeFree, socketFree, l3Free } = census;
  leafFree.fill(0);
  cellFree.fill(0);
  nodeFree.fill(0);
  socketFree.fill(0);
  l3Free.fill(0);
  const { coreLeaf, coreCount, leafCount, cellCount } = index;
  for (let core = 0; core < coreCount; core += 1) {
    const leaf = coreLeaf[core] ?? 0;
    leafFree[leaf] = (leafFree[leaf] ?? 0) + (coreFree[core] ?? 0);
  }
  for (let leaf = 0; leaf < leafCount; leaf += 1) {
    const free = leafFree[leaf] ?? 0;
    add(cellFree, index.leafCell[leaf] ?? 0, free);
    const l3 = index.leafL3[leaf] ?? -1;
    if (l3 >= 0) add(l3Free, l3, free);
  }
  for (let cell = 0; cell < cellCount; cell += 1) {
    const free = cellFree[cell] ?? 0;
    add(nodeFree, index.cellNode[cell] ?? 0, free);
    add(socketFree, index.cellSocket[cell] ?? 0, free);
  }
}

/** The free CPUs of the cores that are wholly free: every online thread of theirs. */
export function keepWholeCores({ index, coreFree, freeWords }: Census): Uint32Array {
  const words = freeWords.slice();
  for (const [cpu, core] of index.coreOfCpu.entries()) {
    if (core < 0 || coreFree[core] === index.coreSize[core]) continue;
    words[cpu >>> 5] = (words[cpu >>> 5] ?? 0) & ~(1 << (cpu & 31));
  }
  return words;
}

/** Makes `to` what `from` is, both of one machine. */
export function copyCensus(from: Census, to: Census): void {
  to.freeWords.set(from.freeWords);
  to.takenWords.set(from.takenWords);
  to.coreFree.set(from.coreFree);
  to.leafFree.set(from.leafFree);
  to.cellFree.set(from.cellFree);
  to.nodeFree.set(from.nodeFree);
  to.socketFree.set(from.socketFree);
  to.l3Free.set(from.l3Free);
  to.total = from.total;
  to.isStale = from.isStale;
}

/** Takes the lowest free CPUs of a core, `count` at most; returns how many. */
export function takeFromCore(census: Census, core: number, count: number): number {
  const { index, freeWords, takenWords } = census;
  const { starts, items } = index.coreCpus;
  const end = starts[core + 1] ?? 0;
  let taken = 0;
  for (let at = starts[core] ?? 0; at < end && taken < count; at += 1) {
    const cpu = items[at] ?? 0;
    const w = cpu >>> 5;
    const bit = 1 << (cpu & 31);
    const word = freeWords[w] ?? 0;
    if ((word & bit) === 0) continue;
    freeWords[w] = word & ~bit;
    takenWords[w] = (takenWords[w] ?? 0) | bit;
    taken += 1;
  }
  uncount(census, core, taken);
  return taken;
}

/** Takes every core of the lists' group. */
export function takeCores(census: Census, lists: Lists, group: number): void {
  const end = lists.starts[group + 1] ?? 0;
  for (let at = lists.starts[group] ?? 0; at < end; at += 1) {
    takeFromCore(census, lists.items[at] ?? 0, Number.POSITIVE_INFINITY);
  }
}

/** Takes one CPU, which must be free. */
export function takeCpu(census: Census, cpu: number): void {
  const { freeWords, takenWords, index } = census;
  const w = cpu >>> 5;
  const bit = 1 << (cpu & 31);
  freeWords[w] = (freeWords[w] ?? 0) & ~bit;
  takenWords[w] = (takenWords[w] ?? 0) | bit;
  uncount(census, index.coreOfCpu[cpu] ?? 0, 1);
}

function uncount(census: Census, core: number, taken: number): void {
  const { coreFree } = census;
  coreFree[core] = (coreFree[core] ?? 0) - taken;
  census.total -= taken;
  census.isStale = true;
}
