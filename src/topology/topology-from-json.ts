import { CPU_ID_MAX, CpuSet } from '../cpuset/cpu-set.ts';
import { readOptionalCpus } from '../cpuset/read-cpus.ts';
import { CodedError } from '../lib/coded-error.ts';
import { countOf } from '../lib/count.ts';
import { JsonReader } from '../lib/json-reader.ts';
import { buildTopology } from './build-topology.ts';
import type { CpuGroup, L3Group } from './facts.ts';
import type { CoreType, CpuTopology, NumaNode, PcieRoot, TopologyProblem } from './topology.ts';

/** A JSON value that is not a topology. The message names the place that is wrong. */
export class TopologyJsonError extends CodedError<'InvalidTopology'> {
  override readonly name = 'TopologyJsonError';
}

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
function readRow(entry: JsonReader, idKeys: { readonly socket: string; readonly core: string }): CpuRow {
  return {
    cpu: entry.wholeNumber('cpu', CPU_ID_MAX),
    socket: entry.wholeNumber('socket'),
    socketId: entry.optionalWholeNumber(idKeys.socket),
    core: entry.wholeNumber('core'),
    coreId: entry.optionalWholeNumber(idKeys.core),
    numaNode: entry.wholeNumber('numaNode'),
    die: entry.optionalWholeNumber('die'),
    cluster: entry.optionalWholeNumber('cluster'),
    l3Cache: entry.optionalWholeNumber('l3Cache'),
    coreType: entry.optionalOneOf('coreType', CORE_TYPES) ?? 'standard',
    isolated: entry.optionalFlag('isolated') ?? false,
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

function readL3Caches(document: JsonReader, rows: readonly CpuRow[]): L3Group[] {
  const described = new Map(document.objects('l3Caches').map((entry) => [entry.wholeNumber('l3Cache'), entry]));
  return groupRows(rows, ({ l3Cache }) => l3Cache).map(({ cpus, id }) => {
    const entry = described.get(id ?? 0);
    return {
      cpus,
      id: entry ? entry.optionalWholeNumber('l3CacheId') : id,
      sizeKiB: entry?.optionalWholeNumber('sizeKiB'),
    };
  });
}

/** The rows of a matrix of distances between NUMA nodes; none where the document has no such matrix. */
function readDistanceRows(document: JsonReader, nodeCount: number): readonly unknown[] {
  const rows = document.raw('distances') ?? [];
  if (Array.isArray(rows) && (rows.length === 0 || rows.length === nodeCount)) return rows;
  return document.fail('distances', `a row of distances for each of ${countOf(nodeCount, 'NUMA node')}`);
}

/** Distances of a node to every node of the machine, in ascending order of their numbers. */
function isDistances(row: unknown, nodeCount: number): row is readonly number[] {
  return Array.isArray(row) && row.length === nodeCount && row.every((one) => typeof one === 'number' && one > 0);
}

/**
 * The NUMA nodes of the CPUs, and those that the document lists in addition, which have no CPUs. Distances are those of
 * a node's own entry, or row by row those of `distances`.
 */
function readNumaNodes(document: JsonReader, rows: readonly CpuRow[]): NumaNode[] {
  const cpusOf = new Map(groupRows(rows, ({ numaNode }) => numaNode).map(({ id, cpus }) => [id, cpus]));
  const described = new Map(document.objects('numaNodes').map((entry) => [entry.wholeNumber('numaNode'), entry]));
  const ids = [...new Set([...rows.map(({ numaNode }) => numaNode), ...described.keys()])].sort((a, b) => a - b);
  const distanceRows = readDistanceRows(document, ids.length);
  const want = `${countOf(ids.length, 'number')} above 0, one for each NUMA node`;
  return ids.map((numaNode, index) => {
    const entry = described.get(numaNode);
    const distances = entry?.raw('distances') ?? distanceRows[index];
    if (distances !== undefined && !isDistances(distances, ids.length)) {
      return entry?.has('distances') ? entry.fail('distances', want) : document.fail('distances', `rows of ${want}`);
    }
    const cpus = cpusOf.get(numaNode) ?? CpuSet.empty;
    return { numaNode, cpus, hasMemory: entry?.optionalFlag('hasMemory'), distances };
  });
}

function readPcieRoots(document: JsonReader): PcieRoot[] {
  return document.objects('pcieRoots').map((entry) => ({
    pcieRoot: entry.text('pcieRoot'),
    cpus: readOptionalCpus(entry, 'cpus'),
    numaNode: entry.optionalWholeNumber('numaNode'),
  }));
}

function readProblems(document: JsonReader): TopologyProblem[] {
  return document.objects('problems').map((entry) => ({ path: entry.text('path'), message: entry.text('message') }));
}

/**
 * Groups within each socket: numbers of cores, dies and clusters that repeat from socket to socket, as the kernel's do in
 * a bare list, are different ones.
 */
function groupWithinSockets(
  rows: readonly CpuRow[],
  numberOf: (row: CpuRow) => number | undefined,
  idOf: (row: CpuRow) => number | undefined = numberOf,
): CpuGroup[] {
  const sockets = Map.groupBy(rows, ({ socket }) => socket);
  return [...sockets.values()].flatMap((members) => groupRows(members, numberOf, idOf));
}

/** The numbers of CPUs that have another one than their core. */
function findOwnCoreIds(rows: readonly CpuRow[], cores: readonly CpuGroup[]): Map<number, number> {
  const coreIdOf = new Map(cores.flatMap(({ cpus, id }) => cpus.toArray().map((cpu) => [cpu, id])));
  return new Map(
    rows.flatMap(({ cpu, coreId }) => (coreId === undefined || coreId === coreIdOf.get(cpu) ? [] : [[cpu, coreId]])),
  );
}

function checkRows(document: JsonReader, rows: readonly CpuRow[]): void {
  if (rows.length === 0) document.fail('cpus', 'a list of one CPU or more');
  const seen = new Set<number>();
  for (const { cpu } of rows) {
    if (seen.has(cpu)) document.fail('cpus', `each CPU once; ${cpu} comes twice`);
    seen.add(cpu);
  }
}

/**
 * Reads a topology back from JSON: what `dracpu topology -o json` printed, or a bare list of CPUs
 * `{"cpus":[{"cpu","core","socket","numaNode","l3Cache"?,"cluster"?,"coreType"?,"isolated"?}],
 * "distances"?:[[...]]}`. Only the CPUs are needed; other keys that are absent are unknown, keys that are not known do not
 * matter.
 * @throws TopologyJsonError naming the entry that is wrong.
 */
export function topologyFromJson(json: unknown): CpuTopology {
  const document = new JsonReader(json, {
    fail: ({ path, value, want }) => {
      const message = `Cannot read the topology: ${path || 'the document'} is ${value}; want ${want}`;
      throw new TopologyJsonError('InvalidTopology', message);
    },
  });
  const isComplete = document.optionalOneOf('kind', ['CPUTopology', 'bare']) === 'CPUTopology';
  const idKeys = isComplete ? { socket: 'socketId', core: 'coreId' } : { socket: 'socket', core: 'core' };
  const rows = document.objects('cpus').map((entry) => readRow(entry, idKeys));
  checkRows(document, rows);
  const cores = groupWithinSockets(
    rows,
    ({ core }) => core,
    ({ coreId }) => coreId,
  );
  const isHybrid = rows.some(({ coreType }) => coreType !== 'standard');
  return buildTopology({
    online: setOf(rows),
    offline: readOptionalCpus(document, 'offline'),
    isolated: setOf(rows.filter(({ isolated }) => isolated)),
    nohzFull: readOptionalCpus(document, 'nohzFull'),
    sockets: groupRows(
      rows,
      ({ socket }) => socket,
      ({ socketId }) => socketId,
    ),
    dies: groupWithinSockets(rows, ({ die }) => die),
    clusters: groupWithinSockets(rows, ({ cluster }) => cluster),
    cores,
    ownCoreIds: findOwnCoreIds(rows, cores),
    l3Caches: readL3Caches(document, rows),
    numaNodes: readNumaNodes(document, rows),
    eCores: isHybrid ? setOf(rows.filter(({ coreType }) => coreType === 'e-core')) : undefined,
    pcieRoots: readPcieRoots(document),
    problems: readProblems(document),
  });
}
