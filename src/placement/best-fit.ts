import { takeL3s } from './best-fit-l3.ts';
import type { BestFitScratch } from './best-fit-scratch.ts';
import { type Census, takeCores, takeCpu, takeFromCore } from './census.ts';
import { ANY_NODE, orderCells, orderDomains } from './order.ts';

/** How the best-fit walk goes. */
export interface BestFitOptions {
  /** Whole L3 caches before whole cores, and a part-request into one L3 (`prefer-align-cpus-by-uncorecache`). */
  readonly alignL3: boolean;
  /** Single threads in order of their ids instead of whole cores (`distribute-cpus-across-cores`). */
  readonly spread: boolean;
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
