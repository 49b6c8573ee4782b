import type { Census } from './census.ts';
import { addToTouched, type Cost, type CostTable, createRunTable, mergeTables } from './cost-table.ts';
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

/** Cores that are alike, and what is the same of each. */
interface LikeCores {
  readonly ids: readonly number[];
  /** Free CPUs of each. */
  readonly free: number;
  readonly isWhole: boolean;
  /** What each CPU costs by the wishes, cheapest first. */
  readonly wishes: readonly number[];
  readonly sharing: number;
}

/** What `cpus` CPUs of like cores cost by the columns of the score; undefined where so many cannot be taken. */
function countColumns(request: TableRequest, { ids, free, isWhole }: LikeCores, cpus: number): number | undefined {
  if (cpus === 0) return 0;
  const { core: one, broken } = weightsOf(request);
  const cores = Math.ceil(cpus / free);
  switch (request.rule) {
    case 'packed':
      return cores * one + (isWhole && cpus % free > 0 ? broken : 0);
    case 'spread':
      return Math.max(0, cpus - ids.length) * one;
    case 'whole':
      return isWhole && cpus % free === 0 ? cores * one : undefined;
    case 'one':
      return cpus <= ids.length ? cpus * (one + (isWhole ? 0 : broken)) : undefined;
  }
}

/** How many cores `cpus` CPUs of like cores are taken of. */
function countTouched({ rule }: TableRequest, { ids, free }: LikeCores, cpus: number): number {
  const inTurn = rule === 'spread' || rule === 'one';
  return inTurn ? Math.min(cpus, ids.length) : Math.ceil(cpus / free);
}

/** The wishes of the cheapest `cpus` CPUs; the cores are one, or all of their CPUs cost the same. */
function sumWishes({ wishes, ids }: LikeCores, cpus: number): number {
  if (ids.length > 1) return cpus * (wishes[0] ?? 0);
  return wishes.slice(0, cpus).reduce((sum, wish) => sum + wish, 0);
}

function tableOfCores(request: TableRequest, cores: LikeCores): CostTable {
  const { ids, free, sharing } = cores;
  const costs = Array.from({ length: ids.length * free + 1 }, (_, cpus): Cost | undefined => {
    const columns = countColumns(request, cores, cpus);
    if (columns === undefined) return undefined;
    return { wishes: sumWishes(cores, cpus), columns, sharing: sharing * countTouched(request, cores, cpus) };
  });
  const inTurn = request.rule === 'spread' || request.rule === 'one';
  return createRunTable({ ids, cpusPerCore: free, inTurn }, costs.slice(0, request.cpus + 1));
}

function readCore(request: TableRequest, core: number): LikeCores {
  const wishes = rankCpus(request, core).map((cpu) => request.wishes[cpu] ?? 0);
  const isWhole = wishes.length === request.census.index.coreSize[core];
  return { ids: [core], free: wishes.length, isWhole, wishes, sharing: request.use?.ofCore[core] ?? 0 };
}

/** The cores with free CPUs, those that are alike together; one whose CPUs differ by the wishes stays alone. */
function groupCores(request: TableRequest, cores: readonly number[]): LikeCores[] {
  const groups = new Map<string, LikeCores & { readonly ids: number[] }>();
  for (const core of cores) {
    if ((request.census.coreFree[core] ?? 0) === 0) continue;
    const one = readCore(request, core);
    const isUniform = one.wishes[0] === one.wishes.at(-1);
    const key = isUniform ? `${one.free} ${one.isWhole} ${one.wishes[0]} ${one.sharing}` : `core ${core}`;
    const group = groups.get(key);
    if (group) group.ids.push(core);
    else groups.set(key, { ...one, ids: [core] });
  }
  return [...groups.values()];
}

/** Tables of parts put together one after the other; undefined where no part has free CPUs. */
export function mergeAll(tables: readonly (CostTable | undefined)[], cpus: number): CostTable | undefined {
  return tables.reduce(
    (merged, table) => (merged && table ? mergeTables(merged, table, { least: 0, most: cpus }) : (merged ?? table)),
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
    groupCores(request, cores).map((alike) => tableOfCores(request, alike)),
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
