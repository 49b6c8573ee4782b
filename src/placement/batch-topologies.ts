import { CodedError } from '../lib/coded-error.ts';
import { CPU_ID_MAX, CpuSet } from '../cpuset/cpu-set.ts';
import type { CoreType, Cpu, CpuTopology } from '../topology/topology.ts';
import { quote } from '../lib/quote.ts';
import { countOf, verbFor } from '../lib/count.ts';

/** A topologies file that cannot be used. The message names the machine and the CPU. */
export class BatchTopologiesError extends CodedError<'InvalidTopologies'> {
  override readonly name = 'BatchTopologiesError';
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const CORE_TYPES: readonly CoreType[] = ['standard', 'p-core', 'e-core'];

/** Numbers of groups may be the kernel's, and those of firmware are any (package 268435456); only CPUs have a highest one. */
function readId(row: Fields, field: string, fail: (why: string) => never): number {
  const value = row[field];
  const max = field === 'cpu' ? CPU_ID_MAX : Number.MAX_SAFE_INTEGER;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value;
  return fail(`${field} is ${quote(value)}; want a whole number from 0 to ${max}`);
}

/** One CPU; `siblings` are filled in by the caller, who knows the others. */
function readCpu(row: unknown, fail: (why: string) => never): Cpu {
  if (!isFields(row)) return fail(`${quote(row)} is no object`);
  const coreType = CORE_TYPES.find((type) => type === (row['coreType'] ?? 'standard'));
  if (!coreType) return fail(`coreType is ${quote(row['coreType'])}; want one of ${CORE_TYPES.join(', ')}`);
  const isolated = row['isolated'] ?? false;
  if (typeof isolated !== 'boolean') return fail(`isolated is ${quote(isolated)}; want true or false`);
  const core = readId(row, 'core', fail);
  const socket = readId(row, 'socket', fail);
  return {
    cpu: readId(row, 'cpu', fail),
    core,
    coreId: core,
    socket,
    socketId: socket,
    numaNode: readId(row, 'numaNode', fail),
    l3Cache: row['l3Cache'] === undefined ? undefined : readId(row, 'l3Cache', fail),
    die: undefined,
    cluster: row['cluster'] === undefined ? undefined : readId(row, 'cluster', fail),
    siblings: CpuSet.empty,
    coreType,
    isolated,
  };
}

/** The CPUs of each group, in ascending order of the group's number. */
function groupCpus(cpus: readonly Cpu[], groupOf: (cpu: Cpu) => number | undefined): [number, CpuSet][] {
  const groups = Map.groupBy(cpus, groupOf);
  return [...groups]
    .flatMap(([group, members]): [number, CpuSet][] =>
      group === undefined ? [] : [[group, CpuSet.from(members.map(({ cpu }) => cpu))]],
    )
    .sort(([a], [b]) => a - b);
}

/** Numbers of cores or clusters that repeat from socket to socket, as the kernel's do, become unique ones. */
function distinguish(rows: readonly Cpu[], field: 'core' | 'cluster'): readonly Cpu[] {
  const sockets = new Map<number | undefined, number>();
  const repeats = rows.some(({ [field]: number, socket }) => {
    const first = sockets.get(number) ?? socket;
    sockets.set(number, first);
    return number !== undefined && first !== socket;
  });
  if (!repeats) return rows;
  const numbers = new Map<string, number>();
  return [...rows]
    .sort((a, b) => a.cpu - b.cpu)
    .map((row) => {
      if (row[field] === undefined) return row;
      const key = `${row.socket}/${row[field]}`;
      const number = numbers.get(key) ?? numbers.size;
      numbers.set(key, number);
      return { ...row, [field]: number };
    });
}

/** Distances of a node to every node of the machine, in ascending order of their numbers. */
function readDistances(value: unknown, nodeCount: number, fail: (why: string) => never): readonly number[] {
  const isRow = Array.isArray(value) && value.every((one) => typeof one === 'number' && one > 0);
  if (isRow && value.length === nodeCount) return value;
  return fail(
    `${JSON.stringify(value)} are the distances of a NUMA node; want ${nodeCount} numbers above 0, one for each node`,
  );
}

/**
 * The distances by node: those of `numaNodes`, which may list nodes without CPUs too, or row by row those of `distances`.
 * Undefined is a node of which they are not given.
 */
function readNodes(
  machine: Fields,
  cpus: readonly Cpu[],
  fail: (why: string) => never,
): Map<number, readonly number[] | undefined> {
  const { numaNodes = [], distances } = machine;
  if (!Array.isArray(numaNodes)) return fail('"numaNodes" is not a list');
  const rows = numaNodes.map((row: unknown) =>
    isFields(row) ? row : fail(`${JSON.stringify(row)} is not a NUMA node`),
  );
  const described = new Map(rows.map((row) => [readId(row, 'numaNode', fail), row['distances']]));
  const ids = [...new Set([...cpus.map(({ numaNode }) => numaNode), ...described.keys()])].sort((a, b) => a - b);
  if (distances !== undefined && !(Array.isArray(distances) && distances.length === ids.length)) {
    return fail(`"distances" is ${JSON.stringify(distances)}; want a row for each of the ${ids.length} NUMA nodes`);
  }
  return new Map(
    ids.map((id, i) => {
      const row: unknown = described.get(id) ?? distances?.[i];
      return [id, row === undefined ? undefined : readDistances(row, ids.length, fail)];
    }),
  );
}

function assembleTopology(
  given: readonly Cpu[],
  nodes: ReadonlyMap<number, readonly number[] | undefined>,
): CpuTopology {
  const rows = distinguish(distinguish(given, 'core'), 'cluster');
  const coreCpus = new Map(groupCpus(rows, ({ core }) => core));
  const cpus = rows
    .map((row) => ({ ...row, siblings: coreCpus.get(row.core) ?? CpuSet.empty }))
    .sort((a, b) => a.cpu - b.cpu);
  const nodeCpus = new Map(groupCpus(cpus, ({ numaNode }) => numaNode));
  const socketOfCore = new Map(cpus.map(({ core, socket }) => [core, socket]));
  return {
    cpus,
    sockets: groupCpus(cpus, ({ socket }) => socket).map(([socket, set]) => ({ socket, socketId: socket, cpus: set })),
    cores: [...coreCpus].map(([core, set]) => ({ core, coreId: core, socket: socketOfCore.get(core) ?? 0, cpus: set })),
    l3Caches: groupCpus(cpus, ({ l3Cache }) => l3Cache).map(([l3Cache, set]) => ({
      l3Cache,
      l3CacheId: l3Cache,
      cpus: set,
      sizeKiB: undefined,
    })),
    numaNodes: [...nodes].map(([numaNode, distances]) => ({
      numaNode,
      cpus: nodeCpus.get(numaNode) ?? CpuSet.empty,
      hasMemory: undefined,
      distances,
    })),
    pcieRoots: [],
    online: CpuSet.from(cpus.map(({ cpu }) => cpu)),
    offline: CpuSet.empty,
    isolated: CpuSet.from(cpus.filter(({ isolated }) => isolated).map(({ cpu }) => cpu)),
    nohzFull: CpuSet.empty,
    problems: [],
  };
}

/**
 * Reads one machine: `{"cpus":[{"cpu","core","socket","numaNode","l3Cache"?,"cluster"?,"coreType"?,"isolated"?}]}`, and the distances
 * of its nodes as `"numaNodes":[{"numaNode","distances"}]` or as `"distances":[[...]]`. More keys do not matter, so that what
 * `dracpu topology -o json` prints is one too.
 */
function parseMachine(name: string, machine: unknown): CpuTopology {
  const fail = (why: string): never => {
    throw new BatchTopologiesError('InvalidTopologies', `Cannot read topology ${quote(name)}: ${why}`);
  };
  const fields = isFields(machine) ? machine : {};
  const rows = fields['cpus'];
  if (!Array.isArray(rows) || rows.length === 0) return fail('it has no "cpus"; want a list of one CPU or more');
  const cpus = rows.map((row, i) => readCpu(row, (why) => fail(`entry ${i} of "cpus": ${why}`)));
  const ids = new Set(cpus.map(({ cpu }) => cpu));
  if (ids.size !== cpus.length)
    return fail(
      `it has ${countOf(cpus.length, 'CPU')}, of which ${cpus.length - ids.size} ${verbFor(cpus.length - ids.size, 'repeats', 'repeat')} an id`,
    );
  return assembleTopology(cpus, readNodes(fields, cpus, fail));
}

/**
 * Reads the machines of a batch (CONTRACTS, `dracpu plan --batch`), by name.
 * @throws BatchTopologiesError naming the machine and the entry that is wrong.
 */
export function parseBatchTopologies(json: unknown): Map<string, CpuTopology> {
  if (!isFields(json))
    throw new BatchTopologiesError(
      'InvalidTopologies',
      'Cannot read the topologies: want an object of machines by name',
    );
  return new Map(Object.entries(json).map(([name, machine]) => [name, parseMachine(name, machine)]));
}
