import { CPU_ID_MAX, CpuSet } from '../cpuset/cpu-set.ts';
import { buildTopology } from './build-topology.ts';
import type { CpuGroup, L3Group } from './facts.ts';
import { JsonEntry } from './json-entry.ts';
import type { CoreType, CpuTopology, NumaNode, PcieRoot, TopologyProblem } from './topology.ts';

const CORE_TYPES: readonly CoreType[] = ['standard', 'p-core', 'e-core'];

/** One CPU of the list, with the numbers that name its groups. */
interface CpuRow {
  readonly cpu: number;
  readonly socket: number;
  readonly socketId: number | undefined;
  readonly core: number;
  readonly coreId: number | undefined;
  readonly numaNode: number;
  readonly die: number | undefined;
  readonly cluster: number | undefined;
  readonly l3Cache: number | undefined;
  readonly coreType: CoreType;
  readonly isolated: boolean;
}

/** @param idKeys where the kernel's numbers are: those of a bare list of CPUs are its groups' own. */
function readRow(entry: JsonEntry, idKeys: { readonly socket: string; readonly core: string }): CpuRow {
  return {
    cpu: entry.id('cpu', CPU_ID_MAX),
    socket: entry.id('socket'),
    socketId: entry.optionalId(idKeys.socket),
    core: entry.id('core'),
    coreId: entry.optionalId(idKeys.core),
    numaNode: entry.id('numaNode'),
    die: entry.optionalId('die'),
    cluster: entry.optionalId('cluster'),
    l3Cache: entry.optionalId('l3Cache'),
    coreType: entry.oneOf('coreType', CORE_TYPES, 'standard'),
    isolated: entry.oneOf('isolated', [true, false], false),
  };
}

function setOf(rows: readonly CpuRow[]): CpuSet {
  return CpuSet.from(rows.map(({ cpu }) => cpu));
}

/** The groups of rows with the same number, their kernel's number being that of their first row. */
function groupRows(
  rows: readonly CpuRow[],
  numberOf: (row: CpuRow) => number | undefined,
  idOf: (row: CpuRow) => number | undefined = numberOf,
): CpuGroup[] {
  return [...Map.groupBy(rows, numberOf)].flatMap(([number, members]) => {
    const first = members[0];
    return number === undefined || !first ? [] : [{ cpus: setOf(members), id: idOf(first) }];
  });
}

function readL3Caches(document: JsonEntry, rows: readonly CpuRow[]): L3Group[] {
  const described = new Map(document.entries('l3Caches').map((entry) => [entry.id('l3Cache'), entry]));
  return groupRows(rows, ({ l3Cache }) => l3Cache).map(({ cpus, id }) => {
    const entry = described.get(id ?? 0);
    return { cpus, id: entry ? entry.optionalId('l3CacheId') : id, sizeKiB: entry?.optionalId('sizeKiB') };
  });
}

function readNumaNodes(document: JsonEntry, rows: readonly CpuRow[]): NumaNode[] {
  const cpusOf = new Map(groupRows(rows, ({ numaNode }) => numaNode).map(({ id, cpus }) => [id, cpus]));
  const described = new Map(document.entries('numaNodes').map((entry) => [entry.id('numaNode'), entry]));
  const ids = new Set([...rows.map(({ numaNode }) => numaNode), ...described.keys()]);
  return [...ids].map((numaNode) => ({
    numaNode,
    cpus: cpusOf.get(numaNode) ?? CpuSet.empty,
    hasMemory: described.get(numaNode)?.optionalFlag('hasMemory'),
    distances: described.get(numaNode)?.numbers('distances'),
  }));
}

function readPcieRoots(document: JsonEntry): PcieRoot[] {
  return document.entries('pcieRoots').map((entry) => ({
    pcieRoot: entry.text('pcieRoot'),
    cpus: entry.cpus('cpus'),
    numaNode: entry.optionalId('numaNode'),
  }));
}

function readProblems(document: JsonEntry): TopologyProblem[] {
  return document.entries('problems').map((entry) => ({ path: entry.text('path'), message: entry.text('message') }));
}

/** The cores; numbers that repeat from socket to socket, as the kernel's do in a bare list, are different cores. */
function groupCores(rows: readonly CpuRow[]): CpuGroup[] {
  const sockets = Map.groupBy(rows, ({ socket }) => socket);
  return [...sockets.values()].flatMap((members) =>
    groupRows(
      members,
      ({ core }) => core,
      ({ coreId }) => coreId,
    ),
  );
}

/** The numbers of CPUs that have another one than their core. */
function findOwnCoreIds(rows: readonly CpuRow[], cores: readonly CpuGroup[]): Map<number, number> {
  const coreIdOf = new Map(cores.flatMap(({ cpus, id }) => cpus.toArray().map((cpu) => [cpu, id])));
  return new Map(
    rows.flatMap(({ cpu, coreId }) => (coreId === undefined || coreId === coreIdOf.get(cpu) ? [] : [[cpu, coreId]])),
  );
}

function checkRows(document: JsonEntry, rows: readonly CpuRow[]): void {
  if (rows.length === 0) document.fail('cpus', 'a list of one CPU or more');
  const seen = new Set<number>();
  for (const { cpu } of rows) {
    if (seen.has(cpu)) document.fail('cpus', `each CPU once; ${cpu} comes twice`);
    seen.add(cpu);
  }
}

/**
 * Reads a topology back from JSON: what `dracpu topology -o json` printed, or a bare list of CPUs
 * `{"cpus":[{"cpu","core","socket","numaNode","l3Cache"?,"coreType"?,"isolated"?}]}`. Only the CPUs are needed; other
 * keys that are absent are unknown, keys that are not known do not matter.
 * @throws TopologyJsonError naming the entry that is wrong.
 */
export function topologyFromJson(json: unknown): CpuTopology {
  const document = new JsonEntry(json, 'the document');
  const isComplete = document.oneOf('kind', ['CPUTopology', 'bare'], 'bare') === 'CPUTopology';
  const idKeys = isComplete ? { socket: 'socketId', core: 'coreId' } : { socket: 'socket', core: 'core' };
  const rows = document.entries('cpus').map((entry) => readRow(entry, idKeys));
  checkRows(document, rows);
  const cores = groupCores(rows);
  const isHybrid = rows.some(({ coreType }) => coreType !== 'standard');
  return buildTopology({
    online: setOf(rows),
    offline: document.cpus('offline'),
    isolated: setOf(rows.filter(({ isolated }) => isolated)),
    nohzFull: document.cpus('nohzFull'),
    sockets: groupRows(
      rows,
      ({ socket }) => socket,
      ({ socketId }) => socketId,
    ),
    dies: groupRows(rows, ({ die }) => die),
    clusters: groupRows(rows, ({ cluster }) => cluster),
    cores,
    ownCoreIds: findOwnCoreIds(rows, cores),
    l3Caches: readL3Caches(document, rows),
    numaNodes: readNumaNodes(document, rows),
    eCores: isHybrid ? setOf(rows.filter(({ coreType }) => coreType === 'e-core')) : undefined,
    pcieRoots: readPcieRoots(document),
    problems: readProblems(document),
  });
}
