import type { Census } from './census.ts';
import { addToTouched, type Cost, type CostTable, createCoreTable, mergeTables, NO_COST } from './cost-table.ts';
import type { Lists } from './lists.ts';
import type { MachineIndex } from './machine-index.ts';

/** Which CPUs of a core a policy may take, and what it counts. */
export type CoreRule =
  /** Any; few cores, and none broken. */
  | 'packed'
  /** Any; second threads of a core only where there is no other core. */
  | 'spread'
  /** All of a wholly free core. */
  | 'whole'
  /** One, of a wholly free core first. */
  | 'one';

/** What it costs to touch a core, a module or a leaf, because others use it too. */
export interface SharedUse {
  readonly ofCore: Float64Array;
  readonly ofModule: Float64Array;
  readonly ofLeaf: Float64Array;
}

/** What tables are made of. The census says which CPUs are free. */
export interface TableRequest {
  readonly census: Census;
  readonly rule: CoreRule;
  /** What each CPU costs by the wishes of the request. */
  readonly wishes: Float64Array;
  /** Undefined where sharing does not count. */
  readonly use: SharedUse | undefined;
  /** Whether cores count before caches. */
  readonly coresFirst: boolean;
  readonly cpus: number;
}

/** What one L3 cache, one level 2 cache, one core and one broken core weigh: sums stay below 2 ** 53 for fewer than 8,192 of each. */
const CACHES_FIRST = { l3: 2 ** 39, cluster: 2 ** 26, core: 2 ** 13, broken: 1 } as const;
const CORES_FIRST = { core: 2 ** 39, broken: 2 ** 26, l3: 2 ** 13, cluster: 1 } as const;

function weightsOf({ coresFirst }: TableRequest) {
  return coresFirst ? CORES_FIRST : CACHES_FIRST;
}

/** The free CPUs of a core, those that cost least first. */
export function rankCpus({ census, wishes }: Pick<TableRequest, 'census' | 'wishes'>, core: number): number[] {
  const { freeWords, index } = census;
  const { starts, items } = index.coreCpus;
  return Array.from(items.subarray(starts[core], starts[core + 1]))
    .filter((cpu) => ((freeWords[cpu >>> 5] ?? 0) & (1 << (cpu & 31))) !== 0)
    .sort((a, b) => (wishes[a] ?? 0) - (wishes[b] ?? 0));
}

/** What taking `count` CPUs of a core with `free` of them costs by the columns of the score; undefined where that is not allowed. */
function countColumns(request: TableRequest, core: number, count: number, free: number): number | undefined {
  const isWhole = free === request.census.index.coreSize[core];
  const { core: one, broken } = weightsOf(request);
  switch (request.rule) {
    case 'packed':
      return one + (isWhole && count < free ? broken : 0);
    case 'spread':
      return (count - 1) * one;
    case 'whole':
      return isWhole && count === free ? one : undefined;
    case 'one':
      return count === 1 ? one + (isWhole ? 0 : broken) : undefined;
  }
}

function tableOfCore(request: TableRequest, core: number): CostTable | undefined {
  const cpus = rankCpus(request, core);
  if (cpus.length === 0) return undefined;
  const costs: (Cost | undefined)[] = [NO_COST];
  let wishes = 0;
  for (const [taken, cpu] of cpus.entries()) {
    wishes += request.wishes[cpu] ?? 0;
    const columns = countColumns(request, core, taken + 1, cpus.length);
    costs.push(columns === undefined ? undefined : { wishes, columns, sharing: request.use?.ofCore[core] ?? 0 });
  }
  return createCoreTable(core, costs);
}

/** Tables of parts put together one after the other; undefined where no part has free CPUs. */
export function mergeAll(tables: readonly (CostTable | undefined)[], cpus: number): CostTable | undefined {
  return tables.reduce(
    (merged, table) => (merged && table ? mergeTables(merged, table, cpus) : (merged ?? table)),
    undefined,
  );
}

function membersOf({ starts, items }: Lists, group: number): number[] {
  return Array.from(items.subarray(starts[group], starts[group + 1]));
}

/** The cores of a leaf, module by module. */
function listModules({ modules, leafCores }: MachineIndex, leaf: number): number[][] {
  const cores = membersOf(leafCores, leaf);
  if (!modules) return [cores];
  return [...Map.groupBy(cores, (core) => modules.ofCore[core]).values()];
}

function tableOfModule(request: TableRequest, cores: readonly number[]): CostTable | undefined {
  const { index } = request.census;
  const table = mergeAll(
    cores.map((core) => tableOfCore(request, core)),
    request.cpus,
  );
  const module = index.modules?.ofCore[cores[0] ?? 0];
  if (table && module !== undefined) {
    addToTouched(table, { columns: weightsOf(request).cluster, sharing: request.use?.ofModule[module] ?? 0 });
  }
  return table;
}

function tableOfLeaf(request: TableRequest, leaf: number): CostTable | undefined {
  const { index } = request.census;
  const table = mergeAll(
    listModules(index, leaf).map((cores) => tableOfModule(request, cores)),
    request.cpus,
  );
  // Cores without a known cache are no better than those of one.
  if (table) addToTouched(table, { columns: weightsOf(request).l3, sharing: request.use?.ofLeaf[leaf] ?? 0 });
  return table;
}

/** The table of a cell, a socket's part of a NUMA node; undefined where it has no free CPUs. */
export function tableOfCell(request: TableRequest, cell: number): CostTable | undefined {
  return mergeAll(
    membersOf(request.census.index.cellLeaves, cell).map((leaf) => tableOfLeaf(request, leaf)),
    request.cpus,
  );
}
