import { type Census, countLevels } from './census.ts';

/** Orders `ids[from .. to]` by a number, lower first, then by id; in place. Lists are short: insertion sort allocates nothing. */
export function sortByCount(ids: Int32Array, from: number, to: number, count: ArrayLike<number>): void {
  for (let i = from + 1; i < to; i += 1) {
    const id = ids[i] ?? 0;
    const key = count[id] ?? 0;
    let j = i - 1;
    while (j >= from) {
      const other = ids[j] ?? 0;
      const otherKey = count[other] ?? 0;
      if (otherKey < key || (otherKey === key && other < id)) break;
      ids[j + 1] = other;
      j -= 1;
    }
    ids[j + 1] = id;
  }
}

/** Writes the ids with a count above 0 to `ids`, highest count first, on a tie the lower id; returns how many. */
export function rankByCount(ids: Int32Array, counts: Int32Array): number {
  let length = 0;
  for (let id = 0; id < counts.length; id += 1) {
    const count = counts[id] ?? 0;
    if (count === 0) continue;
    let j = length - 1;
    for (; j >= 0 && (counts[ids[j] ?? 0] ?? 0) < count; j -= 1) ids[j + 1] = ids[j] ?? 0;
    ids[j + 1] = id;
    length += 1;
  }
  return length;
}

/** Stands for all NUMA nodes where one can be named. */
export const ANY_NODE = -1;

/**
 * Writes the cells that have free CPUs to `cells`, best fit first: the outer domain (socket, or NUMA node where nodes are
 * the larger ones) with the fewest free CPUs, in it the inner domain with the fewest; on a tie the lower id. This is the
 * kubelet's order. Returns how many.
 * @param node only the cells of this node; ANY_NODE for all.
 */
export function orderCells(census: Census, cells: Int32Array, node = ANY_NODE): number {
  countLevels(census);
  const { index, cellFree, nodeFree, socketFree } = census;
  const { cellCount, cellNode, cellSocket, nodesFirst } = index;
  const outer = nodesFirst ? cellNode : cellSocket;
  const inner = nodesFirst ? cellSocket : cellNode;
  const outerFree = nodesFirst ? nodeFree : socketFree;
  const innerFree = nodesFirst ? socketFree : nodeFree;
  let length = 0;
  for (let cell = 0; cell < cellCount; cell += 1) {
    if ((cellFree[cell] ?? 0) === 0 || (node !== ANY_NODE && cellNode[cell] !== node)) continue;
    const outerId = outer[cell] ?? 0;
    const innerId = inner[cell] ?? 0;
    const outerKey = outerFree[outerId] ?? 0;
    const innerKey = innerFree[innerId] ?? 0;
    let j = length - 1;
    while (j >= 0) {
      const other = cells[j] ?? 0;
      const otherOuter = outer[other] ?? 0;
      const otherInner = inner[other] ?? 0;
      const difference =
        (outerFree[otherOuter] ?? 0) - outerKey ||
        otherOuter - outerId ||
        (innerFree[otherInner] ?? 0) - innerKey ||
        otherInner - innerId;
      if (difference <= 0) break;
      cells[j + 1] = other;
      j -= 1;
    }
    cells[j + 1] = cell;
    length += 1;
  }
  return length;
}

/** Writes the distinct `domainOf[cell]` in the order of the cells to `domains`; returns how many. */
export function orderDomains(cells: Int32Array, cellCount: number, domainOf: Int32Array, domains: Int32Array): number {
  let length = 0;
  for (let i = 0; i < cellCount; i += 1) {
    const domain = domainOf[cells[i] ?? 0] ?? 0;
    let known = false;
    for (let j = 0; j < length && !known; j += 1) known = domains[j] === domain;
    if (known) continue;
    domains[length] = domain;
    length += 1;
  }
  return length;
}
