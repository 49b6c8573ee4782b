import type { Census } from './census.ts';
import { tryChosenCells, tryLeaves } from './leaf-search.ts';
import { countLeaves, createLeafSearch, type LeafSearch } from './leaf-search-state.ts';
import { pairDistance } from './node-distances.ts';
import { rankByCount } from './order.ts';
import type { Region, RegionGoal } from './region.ts';

/**
 * What one search may spend, in steps of `LeafSearch.stepsLeft`: it bounds the time of a choice. The sets that can hold most
 * come first, and the best by the end is taken.
 */
const STEPS_MAX = 250;

/** With these steps every set of a small machine is tried: one of few caches and cores, where a choice is cheap anyway. */
const STEPS_SMALL_MAX = 4000;
const SMALL_LEAVES_MAX = 8;
const SMALL_CORES_MAX = 64;

/** The same where modules are tried in each set of caches. */
const STEPS_MODULES_MAX = 60_000;

/** Where only sets of nodes that are nearer are judged, all others are passed by. */
const STEPS_NEARER_MAX = 1000;

/** For a search whose answer is not just better but needed. */
const STEPS_NEEDED_MAX = 20_000;

/** A search for regions of one machine, reused from one choice to the next. */
export interface RegionSearch {
  readonly leafSearch: LeafSearch;
  /** Cells with free CPUs, those with most first. */
  readonly cells: Int32Array;
  cellCount: number;
  /** How many chosen cells lie in each socket and node. */
  readonly socketUse: Int32Array;
  readonly nodeUse: Int32Array;
  /** `LeafSearch.leafLarge` summed up by cell, and of the cells chosen. */
  readonly cellLarge: Int32Array;
  largeMax: number;
  large: number;
  /** Free CPUs of the first of `cells`. */
  readonly prefixCpus: Int32Array;
}

/** An idle search over the census's machine. */
export function createRegionSearch(census: Census): RegionSearch {
  const { cellCount, socketCount, nodeCount } = census.index;
  return {
    leafSearch: createLeafSearch(census),
    cells: new Int32Array(cellCount),
    cellCount: 0,
    socketUse: new Int32Array(socketCount),
    nodeUse: new Int32Array(nodeCount),
    cellLarge: new Int32Array(cellCount),
    largeMax: 0,
    large: 0,
    prefixCpus: new Int32Array(cellCount + 1),
  };
}

/** Sums up what the leaves of each cell have of the cores that count, and the free CPUs of the first cells. */
function countCells(search: RegionSearch): void {
  const { leafSearch, cells, cellCount, cellLarge, prefixCpus } = search;
  const { census, leafLarge } = leafSearch;
  const { leafCell, leafCount } = census.index;
  cellLarge.fill(0);
  for (let leaf = 0; leaf < leafCount; leaf += 1) {
    const cell = leafCell[leaf] ?? 0;
    cellLarge[cell] = (cellLarge[cell] ?? 0) + (leafLarge[leaf] ?? 0);
  }
  search.largeMax = cellLarge.reduce((max, large) => Math.max(max, large), 0);
  for (let i = 0; i < cellCount; i += 1) {
    prefixCpus[i + 1] = (prefixCpus[i] ?? 0) + (census.cellFree[cells[i] ?? 0] ?? 0);
  }
}

function countStepsMax({ index }: Census, { strictly, nearerOnly }: RegionGoal): number {
  const isSmall = index.leafCount <= SMALL_LEAVES_MAX && index.coreCount <= SMALL_CORES_MAX;
  if (isSmall && index.modules) return STEPS_MODULES_MAX;
  if (!strictly) return STEPS_NEEDED_MAX;
  if (isSmall) return STEPS_SMALL_MAX;
  return nearerOnly ? STEPS_NEARER_MAX : STEPS_MAX;
}

/**
 * Finds the smallest region that serves the goal: the fewest cells, in them the fewest leaves, in them the fewest cores.
 * Returns undefined when none does or none was found within the steps allowed; the result is valid until the next search.
 * Column by column it is an optimum wherever sockets, nodes and caches nest and the limit of steps was not reached.
 */
export function findRegion(search: RegionSearch, census: Census, goal: RegionGoal): Region | undefined {
  const { leafSearch } = search;
  leafSearch.census = census;
  leafSearch.goal = goal;
  leafSearch.found = false;
  leafSearch.stepsLeft = countStepsMax(census, goal);
  leafSearch.rankedCount = rankByCount(leafSearch.ranked, census.leafFree);
  search.cellCount = rankByCount(search.cells, census.cellFree);
  countLeaves(leafSearch);
  countCells(search);
  for (let wanted = 1; wanted <= search.cellCount && !leafSearch.found && leafSearch.stepsLeft > 0; wanted += 1) {
    chooseCells(search, wanted, 0, 0);
  }
  if (!leafSearch.found && !goal.strictly) tryWholeMachine(search);
  return leafSearch.found ? leafSearch.best : undefined;
}

/** The last resort of a search that ran out of steps: all leaves at once. */
function tryWholeMachine(search: RegionSearch): void {
  const { leafSearch, cells, cellCount } = search;
  for (let i = 0; i < cellCount; i += 1) countCell(search, cells[i] ?? 0, 1);
  leafSearch.stepsLeft = STEPS_MAX;
  tryLeaves(leafSearch, leafSearch.ranked, leafSearch.rankedCount);
  for (let i = 0; i < cellCount; i += 1) countCell(search, cells[i] ?? 0, -1);
}

/** Chooses `wanted` more cells from the `from`-th on. `cpus` are free in those chosen before. */
function chooseCells(search: RegionSearch, wanted: number, from: number, cpus: number): void {
  const { leafSearch, cells, cellCount, prefixCpus } = search;
  const { census, goal, cellChosen } = leafSearch;
  if (search.large + wanted * search.largeMax < leafSearch.largeWanted) return;
  for (let i = from; i <= cellCount - wanted && leafSearch.stepsLeft > 0; i += 1) {
    if (cpus + (prefixCpus[i + wanted] ?? 0) - (prefixCpus[i] ?? 0) < goal.cpus) return;
    const cell = cells[i] ?? 0;
    cellChosen[cell] = 1;
    countCell(search, cell, 1);
    leafSearch.stepsLeft -= 1;
    if (mayServe(leafSearch)) {
      if (wanted > 1) chooseCells(search, wanted - 1, i + 1, cpus + (census.cellFree[cell] ?? 0));
      else if (search.large >= leafSearch.largeWanted) tryChosenCells(leafSearch);
    }
    countCell(search, cell, -1);
    cellChosen[cell] = 0;
  }
}

/** Whether the chosen cells, and maybe more, can keep within the limit or be better than what was found. */
function mayServe({ candidate, best, found, goal }: LeafSearch): boolean {
  const { sockets, numaNodes, distance } = found ? best : goal.limit;
  if (candidate.sockets > sockets || candidate.numaNodes > numaNodes) return false;
  return !goal.nearerOnly || candidate.distance < distance;
}

/** Adds a cell to the candidate's columns (`by` 1), or takes it away again (-1). */
function countCell(search: RegionSearch, cell: number, by: 1 | -1): void {
  const { leafSearch, socketUse, nodeUse } = search;
  const { candidate, census } = leafSearch;
  const socket = census.index.cellSocket[cell] ?? 0;
  const node = census.index.cellNode[cell] ?? 0;
  const before = by === 1 ? 0 : 1;
  if (socketUse[socket] === before) candidate.sockets += by;
  if (nodeUse[node] === before) {
    candidate.numaNodes += by;
    candidate.distance += by * sumDistances(search, node);
  }
  socketUse[socket] = (socketUse[socket] ?? 0) + by;
  nodeUse[node] = (nodeUse[node] ?? 0) + by;
  search.large += by * (search.cellLarge[cell] ?? 0);
  candidate.cellFree += by * (census.cellFree[cell] ?? 0);
}

/** The distances between a node and the chosen others. */
function sumDistances({ leafSearch, nodeUse }: RegionSearch, node: number): number {
  const { distances } = leafSearch.census.index;
  if (!distances) return 0;
  let sum = 0;
  for (let other = 0; other < nodeUse.length; other += 1) {
    if (other !== node && (nodeUse[other] ?? 0) > 0) sum += pairDistance(distances, node, other);
  }
  return sum;
}
