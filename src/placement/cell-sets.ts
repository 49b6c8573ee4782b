import { tableOfCell, type TableRequest } from './cell-tables.ts';
import { type Cost, costOf, type CostTable, type CpuRange, mergeTables, splitBest, visitTable } from './cost-table.ts';
import { pairDistance } from './node-distances.ts';

/** How far a choice may reach. */
export interface ReachLimit {
  readonly sockets: number;
  readonly numaNodes: number;
  /** The distances between its NUMA nodes, where it has as many of as many sockets. */
  readonly distance: number;
  /** Whether it must reach so far: as many sockets and NUMA nodes, each giving a CPU. */
  readonly exactly: boolean;
}

/** A set of cells and what the best choice of CPUs in them costs. */
interface CellSet extends Omit<ReachLimit, 'exactly'> {
  readonly cost: Cost;
  /** The table of all cells but the last, if there are others, and that of the last. */
  readonly before: CostTable | undefined;
  readonly last: CostTable;
}

/** Cells chosen so far. */
interface ChosenCells {
  readonly table: CostTable | undefined;
  readonly nodes: readonly number[];
  readonly sockets: readonly number[];
  readonly distance: number;
}

/** A cell with free CPUs. */
interface Cell {
  readonly table: CostTable;
  readonly node: number;
  readonly socket: number;
}

/** What a search may spend, in splits that are looked at: it bounds its time to some milliseconds. */
const STEPS_MAX = 400_000;

/** Below 0 when `a` is better: wishes, sockets, NUMA nodes, the columns after them, distance, and last what is shared with others. */
function compareSets(a: CellSet, b: CellSet): number {
  return (
    a.cost.wishes - b.cost.wishes ||
    a.sockets - b.sockets ||
    a.numaNodes - b.numaNodes ||
    a.cost.columns - b.cost.columns ||
    a.distance - b.distance ||
    a.cost.sharing - b.cost.sharing
  );
}

/**
 * The cells with free CPUs, those with the CPUs that are wanted most first, then those that are used least by others, then the
 * largest: a search that runs out of steps has seen the best of them.
 */
function listCells(request: TableRequest): Cell[] {
  const { cellNode, cellSocket, cellCount } = request.census.index;
  const cells = Array.from({ length: cellCount }, (_, cell) => ({
    table: tableOfCell(request, cell),
    node: cellNode[cell] ?? 0,
    socket: cellSocket[cell] ?? 0,
  }));
  return cells
    .flatMap(({ table, ...place }) => (table ? [{ cell: { ...place, table }, ...rateTable(table) }] : []))
    .sort((a, b) => a.wish - b.wish || a.sharing - b.sharing || b.cell.table.size - a.cell.table.size)
    .map(({ cell }) => cell);
}

/** The least that a CPU of the table costs, and what all of them share with others. */
function rateTable({ wishes, sharing, size }: CostTable) {
  const least = wishes.reduce((least, wish, cpus) => (cpus === 0 ? least : Math.min(least, wish / cpus)), Infinity);
  return { wish: least, sharing: sharing[size] ?? 0 };
}

/** The most CPUs that cells from the `from`-th on can add to the chosen ones within the limit. */
function countAddable(
  cells: readonly Cell[],
  from: number,
  chosen: Omit<ChosenCells, 'table'>,
  limit: ReachLimit,
): number {
  const later = cells.slice(from);
  const ofChosen = later.filter(({ node }) => chosen.nodes.includes(node));
  const sizes = Map.groupBy(later, ({ node }) => node);
  for (const node of chosen.nodes) sizes.delete(node);
  const sum = (of: readonly Cell[]) => of.reduce((sum, { table }) => sum + table.size, 0);
  const largest = [...sizes.values()].map(sum).sort((a, b) => b - a);
  const ofNew = largest.slice(0, limit.numaNodes - chosen.nodes.length).reduce((sum, size) => sum + size, 0);
  return sum(ofChosen) + ofNew;
}

function addCell({ nodes, sockets, distance }: ChosenCells, { node, socket }: Cell, request: TableRequest) {
  const { distances } = request.census.index;
  const isNewNode = !nodes.includes(node);
  const added =
    isNewNode && distances ? nodes.reduce((sum, other) => sum + pairDistance(distances, node, other), 0) : 0;
  return {
    nodes: isNewNode ? [...nodes, node] : nodes,
    sockets: sockets.includes(socket) ? sockets : [...sockets, socket],
    distance: distance + added,
  };
}

/** The table of a cell that must give a CPU. */
function demandCpu(table: CostTable): CostTable {
  return { ...table, wishes: table.wishes.map((wish, cpus) => (cpus === 0 ? Number.POSITIVE_INFINITY : wish)) };
}

/** Whether chosen cells keep within the limit. */
function isWithin({ nodes, sockets, distance }: Omit<ChosenCells, 'table'>, limit: ReachLimit): boolean {
  if (sockets.length > limit.sockets || nodes.length > limit.numaNodes) return false;
  const isAsWide = sockets.length === limit.sockets && nodes.length === limit.numaNodes;
  return !isAsWide || distance <= limit.distance;
}

/** How many splits putting two tables together looks at, about. */
function countSplits(left: CostTable | undefined, right: CostTable, { least, most }: CpuRange): number {
  if (!left) return 1;
  const numbers = Math.min(left.size + right.size, most) - Math.max(0, least) + 1;
  return numbers * Math.min(left.size, right.size);
}

/** The set of cells whose best choice is the best of all within the limit; undefined where none has the CPUs. */
function findCells(request: TableRequest, limit: ReachLimit): CellSet | undefined {
  const { cpus } = request;
  const cells = listCells(request).map((cell) => (limit.exactly ? { ...cell, table: demandCpu(cell.table) } : cell));
  let stepsLeft = STEPS_MAX;
  let best: CellSet | undefined;
  const judge = (chosen: Omit<ChosenCells, 'table'>, before: CostTable | undefined, last: CostTable) => {
    if ((before?.size ?? 0) + last.size < cpus) return;
    if (limit.exactly && (chosen.sockets.length < limit.sockets || chosen.nodes.length < limit.numaNodes)) return;
    stepsLeft -= last.size;
    const cost = before ? splitBest(before, last, cpus).cost : costOf(last, cpus);
    if (!Number.isFinite(cost.wishes)) return;
    const { distance } = chosen;
    const set = { sockets: chosen.sockets.length, numaNodes: chosen.nodes.length, distance, cost, before, last };
    if (!best || compareSets(set, best) < 0) best = set;
  };
  const visit = (from: number, { table, ...chosen }: ChosenCells) => {
    for (const [i, cell] of cells.entries()) {
      if (i < from || stepsLeft <= 0) continue;
      const next = addCell({ table, ...chosen }, cell, request);
      if (!isWithin(next, limit)) continue;
      judge(next, table, cell.table);
      const least = cpus - countAddable(cells, i + 1, next, limit);
      if (i + 1 === cells.length || least === cpus || least > (table?.size ?? 0) + cell.table.size) continue;
      stepsLeft -= countSplits(table, cell.table, { least, most: cpus });
      visit(i + 1, { ...next, table: table ? mergeTables(table, cell.table, { least, most: cpus }) : cell.table });
    }
  };
  visit(0, { table: undefined, nodes: [], sockets: [], distance: 0 });
  return best;
}

/**
 * Calls `take` for every core of the choice that keeps the wishes as far as the limit allows and is the best of these. Exact on
 * machines on which caches nest; false where no choice keeps within the limit.
 */
export function chooseCells(
  request: TableRequest,
  limit: ReachLimit,
  take: (core: number, cpus: number) => void,
): boolean {
  const found = findCells(request, limit);
  if (!found) return false;
  const own = found.before ? splitBest(found.before, found.last, request.cpus).split : 0;
  if (found.before) visitTable(found.before, own, take);
  visitTable(found.last, request.cpus - own, take);
  return true;
}
