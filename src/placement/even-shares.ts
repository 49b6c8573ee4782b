import { tableOfCell, type TableRequest, mergeAll } from './cell-tables.ts';
import { type Cost, costOf, type CostTable } from './cost-table.ts';
import { pairDistance } from './node-distances.ts';

/** Even shares that are wanted. */
export interface EvenRequest extends TableRequest {
  /** Over how many NUMA nodes. */
  readonly nodes: number;
  readonly group: number;
  /** How many sockets these may lie in. */
  readonly sockets: number;
}

/** A NUMA node that can give an even share. */
interface Giver {
  readonly node: number;
  readonly table: CostTable;
  readonly sockets: ReadonlySet<number>;
  /** What the share costs, and what one more group of it costs; undefined where the node has no more. */
  readonly cost: Cost;
  readonly more: Cost | undefined;
}

/** A set of givers. */
interface GiverSet {
  readonly givers: readonly Giver[];
  /** Those that give one more group. */
  readonly receivers: readonly Giver[];
  readonly sockets: number;
  readonly cost: Cost;
  readonly distance: number;
}

/** A search looks at so many sets at most. */
const SETS_MAX = 5000;

/** The even share in CPUs, and how many groups are left over for some of the nodes. */
function shareOf({ cpus, nodes, group }: EvenRequest): { readonly share: number; readonly extra: number } {
  const share = Math.floor(cpus / nodes / group) * group;
  return { share, extra: (cpus - share * nodes) / group };
}

function readGiver(request: EvenRequest, node: number, share: number): Giver[] {
  const { nodeCells, cellSocket } = request.census.index;
  const cells = Array.from(nodeCells.items.subarray(nodeCells.starts[node], nodeCells.starts[node + 1]));
  const table = mergeAll(
    cells.map((cell) => tableOfCell(request, cell)),
    request.cpus,
  );
  if (!table || !Number.isFinite(costOf(table, share).wishes)) return [];
  const cost = costOf(table, share);
  const larger = costOf(table, share + request.group);
  const more = {
    wishes: larger.wishes - cost.wishes,
    columns: larger.columns - cost.columns,
    sharing: larger.sharing - cost.sharing,
  };
  const sockets = new Set(cells.map((cell) => cellSocket[cell] ?? 0));
  return [{ node, table, sockets, cost, more: Number.isFinite(larger.wishes) ? more : undefined }];
}

function addCosts(a: Cost, b: Cost): Cost {
  return { wishes: a.wishes + b.wishes, columns: a.columns + b.columns, sharing: a.sharing + b.sharing };
}

/** Below 0 when `a` is less. */
function compareCosts(a: Cost, b: Cost): number {
  return a.wishes - b.wishes || a.columns - b.columns || a.sharing - b.sharing;
}

function compareSets(a: GiverSet, b: GiverSet): number {
  return (
    a.cost.wishes - b.cost.wishes ||
    a.sockets - b.sockets ||
    a.cost.columns - b.cost.columns ||
    a.distance - b.distance ||
    a.cost.sharing - b.cost.sharing
  );
}

/** Gives what the even shares leave over to the givers whose next group costs least; undefined where too few have one. */
function completeSet(request: EvenRequest, givers: readonly Giver[]): GiverSet | undefined {
  const { distances } = request.census.index;
  const { extra } = shareOf(request);
  const able = givers.flatMap((giver) => (giver.more ? [{ giver, more: giver.more }] : []));
  if (able.length < extra) return undefined;
  const chosen = able.sort((a, b) => compareCosts(a.more, b.more)).slice(0, extra);
  const costs = [...givers.map(({ cost }) => cost), ...chosen.map(({ more }) => more)];
  const distance = givers.flatMap((a, i) =>
    givers.slice(i + 1).map((b) => (distances ? pairDistance(distances, a.node, b.node) : 0)),
  );
  return {
    givers,
    receivers: chosen.map(({ giver }) => giver),
    sockets: new Set(givers.flatMap(({ sockets }) => [...sockets])).size,
    cost: costs.reduce(addCosts),
    distance: distance.reduce((sum, one) => sum + one, 0),
  };
}

/** The best set of givers; undefined where none was found. */
function findGivers(request: EvenRequest): GiverSet | undefined {
  const { share } = shareOf(request);
  const givers = Array.from({ length: request.census.index.nodeCount }, (_, node) => readGiver(request, node, share))
    .flat()
    .sort((a, b) => compareCosts(a.cost, b.cost) || a.node - b.node);
  let setsLeft = SETS_MAX;
  let best: GiverSet | undefined;
  const visit = (from: number, chosen: readonly Giver[]) => {
    const missing = request.nodes - chosen.length;
    if (missing === 0) {
      const set = completeSet(request, chosen);
      if (set && set.sockets <= request.sockets && (!best || compareSets(set, best) < 0)) best = set;
      return;
    }
    for (let i = from; i <= givers.length - missing && setsLeft > 0; i += 1) {
      setsLeft -= 1;
      const giver = givers[i];
      if (giver) visit(i + 1, [...chosen, giver]);
    }
  };
  visit(0, []);
  return best;
}

/** The part of a node in an even choice. */
export interface NodeShare {
  readonly node: number;
  readonly table: CostTable;
  readonly cpus: number;
}

/** The even shares of the nodes that keep the wishes best; empty where none can be found. */
export function shareByCost(request: EvenRequest): NodeShare[] {
  const set = findGivers(request);
  const { share } = shareOf(request);
  return (set?.givers ?? []).map((giver) => ({
    node: giver.node,
    table: giver.table,
    cpus: share + (set?.receivers.includes(giver) ? request.group : 0),
  }));
}
