import { type Census, takeCpu, takeFromCore } from './census.ts';
import type { Lists, MachineIndex } from './machine-index.ts';
import { ANY_NODE, orderCells, orderDomains, sortByCount } from './order.ts';

/** How the best-fit walk goes. */
export interface BestFitOptions {
  /** Whole L3 caches before whole cores, and a part-request into one L3 (`prefer-align-cpus-by-uncorecache`). */
  readonly alignL3: boolean;
  /** Single threads in order of their ids instead of whole cores (`distribute-cpus-across-cores`). */
  readonly spread: boolean;
}

/** Arrays for the walk, reused from one choice to the next. */
export interface BestFitScratch {
  readonly cells: Int32Array;
  readonly domains: Int32Array;
  readonly l3s: Int32Array;
  readonly l3Listed: Uint8Array;
}

/** Scratch for the machine. */
export function createBestFitScratch(index: MachineIndex): BestFitScratch {
  return {
    cells: new Int32Array(index.cellCount),
    domains: new Int32Array(Math.max(index.nodeCount, index.socketCount)),
    l3s: new Int32Array(index.l3Count),
    l3Listed: new Uint8Array(index.l3Count),
  };
}

/** Takes every core of the lists' group. */
function takeCores(census: Census, lists: Lists, group: number): void {
  const end = lists.starts[group + 1] ?? 0;
  for (let at = lists.starts[group] ?? 0; at < end; at += 1) {
    takeFromCore(census, lists.items[at] ?? 0, Number.POSITIVE_INFINITY);
  }
}

/** Takes whole free domains (sockets or NUMA nodes) that are wanted whole, in order of the cells. Returns the CPUs still needed. */
function takeWholeDomains(census: Census, level: 'node' | 'socket', needed: number, scratch: BestFitScratch): number {
  const { index } = census;
  const [sizes, free, domainCells, domainOf] =
    level === 'node'
      ? [index.nodeSize, census.nodeFree, index.nodeCells, index.cellNode]
      : [index.socketSize, census.socketFree, index.socketCells, index.cellSocket];
  const { cells, domains } = scratch;
  const domainCount = orderDomains(cells, orderCells(census, cells), domainOf, domains);
  let left = needed;
  for (let i = 0; i < domainCount; i += 1) {
    const domain = domains[i] ?? 0;
    const size = sizes[domain] ?? 0;
    if (free[domain] !== size || left < size) continue;
    const end = domainCells.starts[domain + 1] ?? 0;
    for (let at = domainCells.starts[domain] ?? 0; at < end; at += 1) {
      takeCores(census, index.cellCores, domainCells.items[at] ?? 0);
    }
    left -= size;
  }
  return left;
}

/** Adds the L3 caches with free CPUs of a node to `scratch.l3s`; one that an earlier node shares is there already. */
function addL3sOfNode(census: Census, node: number, length: number, { l3s, l3Listed }: BestFitScratch): number {
  const { nodeCells, cellLeaves, leafL3 } = census.index;
  let end = length;
  for (let c = nodeCells.starts[node] ?? 0; c < (nodeCells.starts[node + 1] ?? 0); c += 1) {
    const cell = nodeCells.items[c] ?? 0;
    for (let i = cellLeaves.starts[cell] ?? 0; i < (cellLeaves.starts[cell + 1] ?? 0); i += 1) {
      const leaf = cellLeaves.items[i] ?? 0;
      const l3 = leafL3[leaf] ?? -1;
      if (l3 < 0 || l3Listed[l3] === 1 || (census.leafFree[leaf] ?? 0) === 0) continue;
      l3Listed[l3] = 1;
      l3s[end] = l3;
      end += 1;
    }
  }
  return end;
}

/** Writes the L3 caches with free CPUs to `scratch.l3s`: by their NUMA node's place in the order, then the fullest first. */
function orderL3s(census: Census, scratch: BestFitScratch): number {
  const { index, l3Free } = census;
  const { cells, domains, l3s } = scratch;
  const nodeCount = orderDomains(cells, orderCells(census, cells), index.cellNode, domains);
  scratch.l3Listed.fill(0);
  let length = 0;
  for (let i = 0; i < nodeCount; i += 1) {
    const first = length;
    length = addL3sOfNode(census, domains[i] ?? 0, length, scratch);
    sortByCount(l3s, first, length, l3Free);
  }
  return length;
}

/**
 * Takes the request's last part out of one L3 if the L3's first cores (by id) give exactly that many CPUs. Returns the CPUs
 * still needed.
 */
function takePartOfL3(census: Census, l3: number, needed: number): number {
  const { index, coreFree } = census;
  const { starts, items } = index.l3Cores;
  const coresWanted = Math.ceil(needed / index.coreSizeMax);
  const end = starts[l3 + 1] ?? 0;
  let cpus = 0;
  let cores = 0;
  let at = starts[l3] ?? 0;
  for (; at < end && cores < coresWanted; at += 1) {
    const free = coreFree[items[at] ?? 0] ?? 0;
    cpus += free;
    if (free > 0) cores += 1;
  }
  // Of an odd request the last thread (the highest id) may be left over.
  const dropsOne = needed % 2 !== 0 && index.coreSizeMax > 1 && cpus === needed + 1;
  if (cpus !== needed && !dropsOne) return needed;
  const spared = dropsOne ? highestFreeCpu(census, starts[l3] ?? 0, at) : -1;
  for (let i = starts[l3] ?? 0; i < at; i += 1) takeAllBut(census, items[i] ?? 0, spared);
  return 0;
}

function highestFreeCpu(census: Census, from: number, to: number): number {
  const { items } = census.index.l3Cores;
  const { coreCpus } = census.index;
  let highest = -1;
  for (let i = from; i < to; i += 1) {
    const core = items[i] ?? 0;
    const end = coreCpus.starts[core + 1] ?? 0;
    for (let at = coreCpus.starts[core] ?? 0; at < end; at += 1) {
      const cpu = coreCpus.items[at] ?? 0;
      if (cpu > highest && ((census.freeWords[cpu >>> 5] ?? 0) & (1 << (cpu & 31))) !== 0) highest = cpu;
    }
  }
  return highest;
}

function takeAllBut(census: Census, core: number, spared: number): void {
  const { coreCpus } = census.index;
  const end = coreCpus.starts[core + 1] ?? 0;
  for (let at = coreCpus.starts[core] ?? 0; at < end; at += 1) {
    const cpu = coreCpus.items[at] ?? 0;
    if (cpu !== spared && ((census.freeWords[cpu >>> 5] ?? 0) & (1 << (cpu & 31))) !== 0) takeCpu(census, cpu);
  }
}

/** Whole free L3 caches that are wanted whole, then the rest out of the first L3 that serves it. Returns the CPUs still needed. */
function takeL3s(census: Census, needed: number, scratch: BestFitScratch): number {
  const { index, l3Free } = census;
  const { l3s } = scratch;
  const length = orderL3s(census, scratch);
  let left = needed;
  for (let i = 0; i < length && left > 0; i += 1) {
    const l3 = l3s[i] ?? 0;
    const size = index.l3Size[l3] ?? 0;
    if (l3Free[l3] !== size || left < size) continue;
    takeCores(census, index.l3Cores, l3);
    left -= size;
  }
  for (let i = 0; i < length && left > 0; i += 1) {
    const l3 = l3s[i] ?? 0;
    if ((l3Free[l3] ?? 0) >= left) left = takePartOfL3(census, l3, left);
  }
  return left;
}

/** Whole free cores that are wanted whole, smaller cores first within a cell. Returns the CPUs still needed. */
function takeWholeCores(census: Census, needed: number, scratch: BestFitScratch, node = ANY_NODE): number {
  const { index, coreFree } = census;
  const { coreSize, coreSizeMax, coreSizeMin, cellCores } = index;
  const { cells } = scratch;
  const cellCount = orderCells(census, cells, node);
  let left = needed;
  for (let i = 0; i < cellCount && left >= coreSizeMin; i += 1) {
    const cell = cells[i] ?? 0;
    const end = cellCores.starts[cell + 1] ?? 0;
    for (let size = coreSizeMin; size <= coreSizeMax && size <= left; size += 1) {
      for (let at = cellCores.starts[cell] ?? 0; at < end && left >= size; at += 1) {
        const core = cellCores.items[at] ?? 0;
        if (coreFree[core] === size && coreSize[core] === size) left -= takeFromCore(census, core, size);
      }
    }
  }
  return left;
}

/** Single threads, those of the fullest cores first within a cell, until nothing is needed. */
function takeThreads(census: Census, needed: number, scratch: BestFitScratch, node = ANY_NODE): void {
  const { index, coreFree } = census;
  const { cellCores, coreSizeMax } = index;
  const { cells } = scratch;
  const cellCount = orderCells(census, cells, node);
  let left = needed;
  for (let i = 0; i < cellCount && left > 0; i += 1) {
    const cell = cells[i] ?? 0;
    const end = cellCores.starts[cell + 1] ?? 0;
    for (let free = 1; free <= coreSizeMax && left > 0; free += 1) {
      for (let at = cellCores.starts[cell] ?? 0; at < end && left > 0; at += 1) {
        const core = cellCores.items[at] ?? 0;
        if (coreFree[core] === free) left -= takeFromCore(census, core, left);
      }
    }
  }
}

/** Single threads in order of their ids, socket by socket. */
function takeThreadsById(census: Census, needed: number, scratch: BestFitScratch): void {
  const { index, freeWords } = census;
  const { cells, domains } = scratch;
  const socketCount = orderDomains(cells, orderCells(census, cells), index.cellSocket, domains);
  let left = needed;
  for (let i = 0; i < socketCount && left > 0; i += 1) {
    for (let w = 0; w < freeWords.length && left > 0; w += 1) {
      let word = freeWords[w] ?? 0;
      while (word !== 0 && left > 0) {
        const bit = word & -word;
        word ^= bit;
        const cpu = (w << 5) + 31 - Math.clz32(bit);
        const leaf = index.coreLeaf[index.coreOfCpu[cpu] ?? 0] ?? 0;
        if (index.cellSocket[index.leafCell[leaf] ?? 0] !== domains[i]) continue;
        takeCpu(census, cpu);
        left -= 1;
      }
    }
  }
}

/** `takeBestFit` within one NUMA node, without regard to L3 caches. The node must have that many free CPUs. */
export function takeWithin(census: Census, node: number, needed: number, scratch: BestFitScratch): void {
  const { index } = census;
  const { cells } = scratch;
  let left = needed;
  const cellCount = orderCells(census, cells, node);
  const wholeNode = left >= (index.nodeSize[node] ?? 0) && census.nodeFree[node] === index.nodeSize[node];
  for (let i = 0; i < cellCount; i += 1) {
    const cell = cells[i] ?? 0;
    const size = index.socketSize[index.cellSocket[cell] ?? 0] ?? 0;
    const wholeSocket = left >= size && census.cellFree[cell] === size;
    if (!wholeNode && !wholeSocket) continue;
    left -= census.cellFree[cell] ?? 0;
    takeCores(census, index.cellCores, cell);
  }
  if (left > 0) left = takeWholeCores(census, left, scratch, node);
  if (left > 0) takeThreads(census, left, scratch, node);
}

/**
 * Takes `needed` CPUs the way the kubelet's static CPU Manager does (`takeByTopologyNUMAPacked`, Kubernetes 1.35): whole
 * sockets and NUMA nodes that are wanted whole, whole L3 caches, whole cores, then single threads, everywhere the
 * fullest domain first. Sizes are each domain's own, so that uneven machines are no special case.
 * The census must hold at least that many free CPUs.
 */
export function takeBestFit(census: Census, needed: number, options: BestFitOptions, scratch: BestFitScratch): void {
  const [first, second] = census.index.nodesFirst ? (['node', 'socket'] as const) : (['socket', 'node'] as const);
  let left = takeWholeDomains(census, first, needed, scratch);
  if (left > 0) left = takeWholeDomains(census, second, left, scratch);
  if (left > 0 && options.alignL3 && census.index.l3Count > 0) left = takeL3s(census, left, scratch);
  if (left > 0 && !options.spread) left = takeWholeCores(census, left, scratch);
  if (left === 0) return;
  if (options.spread) takeThreadsById(census, left, scratch);
  else takeThreads(census, left, scratch);
}
