import type { BestFitScratch } from './best-fit-scratch.ts';
import { type Census, takeCores, takeCpu } from './census.ts';
import { orderCells, orderDomains, sortByCount } from './order.ts';

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
export function takeL3s(census: Census, needed: number, scratch: BestFitScratch): number {
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
