/**
 * For each number of CPUs the least that so many of a group of cores cost, and how they are made up. Costs are added up over cores and
 * compared in order: first how far the CPUs are from what the request prefers, then the columns of the score, then what they share
 * with others.
 */
export interface CostTable {
  /** The most CPUs. */
  readonly size: number;
  /** By number of CPUs; infinite where so many cannot be had. */
  readonly wishes: Float64Array;
  readonly columns: Float64Array;
  readonly sharing: Float64Array;
  /** Like cores, or two tables put together: `split` says how many CPUs the left one gives. */
  readonly source:
    | { readonly cores: CoreRun }
    | { readonly left: CostTable; readonly right: CostTable; readonly split: Int32Array };
}

/** Cores that are alike: as many CPUs can be taken of each, and each costs the same. */
export interface CoreRun {
  readonly ids: readonly number[];
  readonly cpusPerCore: number;
  /** Whether CPUs are dealt out to the cores in turn; else one core is filled after the other. */
  readonly inTurn: boolean;
}

/** What a number of CPUs costs. */
export interface Cost {
  readonly wishes: number;
  readonly columns: number;
  readonly sharing: number;
}

/** The cost of `cpus` CPUs. */
export function costOf({ wishes, columns, sharing }: CostTable, cpus: number): Cost {
  return {
    wishes: wishes[cpus] ?? Number.POSITIVE_INFINITY,
    columns: columns[cpus] ?? 0,
    sharing: sharing[cpus] ?? 0,
  };
}

/** The table of like cores: `costs[k]` is what `k` of their CPUs cost, undefined where so many cannot be taken. */
export function createRunTable(cores: CoreRun, costs: readonly (Cost | undefined)[]): CostTable {
  return {
    size: costs.length - 1,
    wishes: Float64Array.from(costs, (cost) => cost?.wishes ?? Number.POSITIVE_INFINITY),
    columns: Float64Array.from(costs, (cost) => cost?.columns ?? 0),
    sharing: Float64Array.from(costs, (cost) => cost?.sharing ?? 0),
    source: { cores },
  };
}

/** Adds what it costs to touch the group at all to every number of CPUs but 0. */
export function addToTouched(table: CostTable, { columns, sharing }: Pick<Cost, 'columns' | 'sharing'>): void {
  for (let cpus = 1; cpus <= table.size; cpus += 1) {
    table.columns[cpus] = (table.columns[cpus] ?? 0) + columns;
    table.sharing[cpus] = (table.sharing[cpus] ?? 0) + sharing;
  }
}

/** Which numbers of CPUs a table is wanted for. */
export interface CpuRange {
  readonly least: number;
  readonly most: number;
}

/** Puts two tables of different cores together. Takes time in proportion to the range and the size of the smaller one. */
export function mergeTables(left: CostTable, right: CostTable, { least, most }: CpuRange): CostTable {
  const size = Math.min(left.size + right.size, most);
  const merged = {
    size,
    wishes: new Float64Array(size + 1).fill(Number.POSITIVE_INFINITY),
    columns: new Float64Array(size + 1),
    sharing: new Float64Array(size + 1),
    source: { left, right, split: new Int32Array(size + 1) },
  };
  for (let cpus = Math.max(0, least); cpus <= size; cpus += 1) {
    const { split, cost } = splitBest(left, right, cpus);
    merged.wishes[cpus] = cost.wishes;
    merged.columns[cpus] = cost.columns;
    merged.sharing[cpus] = cost.sharing;
    merged.source.split[cpus] = split;
  }
  return merged;
}

/** How many of `cpus` CPUs the left table best gives, and what all of them cost then. */
export function splitBest(left: CostTable, right: CostTable, cpus: number): { split: number; cost: Cost } {
  let split = 0;
  let [wishes, columns, sharing] = [Number.POSITIVE_INFINITY, 0, 0];
  // Of equal splits the one that takes most of the left table is kept: its cores come first.
  for (let own = Math.min(left.size, cpus); own >= Math.max(0, cpus - right.size); own -= 1) {
    const other = cpus - own;
    const w = (left.wishes[own] ?? 0) + (right.wishes[other] ?? 0);
    if (w > wishes || w === Number.POSITIVE_INFINITY) continue;
    const c = (left.columns[own] ?? 0) + (right.columns[other] ?? 0);
    if (w === wishes && c > columns) continue;
    const s = (left.sharing[own] ?? 0) + (right.sharing[other] ?? 0);
    if (w === wishes && c === columns && s >= sharing) continue;
    [split, wishes, columns, sharing] = [own, w, c, s];
  }
  return { split, cost: { wishes, columns, sharing } };
}

/** Calls `take` for every core of the best choice of `cpus` CPUs with how many it gives. */
export function visitTable(table: CostTable, cpus: number, take: (core: number, cpus: number) => void): void {
  if (cpus === 0) return;
  const { source } = table;
  if ('cores' in source) {
    visitRun(source.cores, cpus, take);
    return;
  }
  const own = source.split[cpus] ?? 0;
  visitTable(source.left, own, take);
  visitTable(source.right, cpus - own, take);
}

function visitRun(
  { ids, cpusPerCore, inTurn }: CoreRun,
  cpus: number,
  take: (core: number, cpus: number) => void,
): void {
  for (const [i, core] of ids.entries()) {
    const inTurns = Math.floor(cpus / ids.length) + (i < cpus % ids.length ? 1 : 0);
    const inOrder = Math.min(cpusPerCore, Math.max(0, cpus - i * cpusPerCore));
    const taken = inTurn ? inTurns : inOrder;
    if (taken > 0) take(core, taken);
  }
}
