import { CpuSet } from '../cpuset/cpu-set.ts';
import type { Core, CpuTopology } from '../topology/topology.ts';
import {
  type CachePicture,
  type CpuOwner,
  formatSize,
  type MachinePicture,
  pictureMachine,
  summarizeMachine,
} from './machine-picture.ts';
import { formatTable } from './text-table.ts';

/** More NUMA nodes than this make a matrix that nobody reads. */
const DISTANCE_NODES_MAX = 16;

/** Problems beyond these are only counted. */
const PROBLEM_LINES_MAX = 5;

/** What to write beside the machine itself. */
export interface TableOptions {
  readonly owners?: readonly CpuOwner[];
  /** Whether to list every problem rather than the first few. */
  readonly allProblems?: boolean;
}

/** Lists longer than this are shown by their step where they have one: sockets that take turns make long lists. */
const LIST_LENGTH_MAX = 24;

/** "0-7", or "0-52 by 4" for a long list of numbers with one step between them. */
function formatNumbers(numbers: CpuSet): string {
  const list = numbers.toString();
  if (list.length <= LIST_LENGTH_MAX) return list;
  const [first = 0, second = 0, ...rest] = numbers;
  const step = second - first;
  const isRegular = rest.every((number, i) => number === second + (i + 1) * step);
  return isRegular && step > 1 ? `${first}-${numbers.last} by ${step}` : list;
}

/** The CPUs of like cores: all first threads, then all second ones, "0-7 + 64-71". */
function formatThreads(cores: readonly Core[]): string {
  const threads = cores.map(({ cpus }) => cpus.toArray());
  const most = Math.max(...threads.map(({ length }) => length));
  return Array.from({ length: most }, (_, t) =>
    formatNumbers(CpuSet.from(threads.flatMap((cpus) => cpus[t] ?? []))),
  ).join(' + ');
}

function formatCache({ l3Cache, isShared }: CachePicture): string {
  if (!l3Cache) return '-';
  const size = l3Cache.sizeKiB === undefined ? [] : [formatSize(l3Cache.sizeKiB)];
  const notes = [...size, ...(isShared ? ['shared'] : [])].join(', ');
  return notes === '' ? `${l3Cache.l3Cache}` : `${l3Cache.l3Cache} (${notes})`;
}

/** One row for the cores of a cache that are of one type and have as many threads. */
function listCacheRows({ typeOf }: MachinePicture, cache: CachePicture): string[][] {
  const alike = Map.groupBy(cache.cores, (core) => `${typeOf(core)} ${core.cpus.size}`);
  return [...alike.values()].map((cores) => {
    const numbers = CpuSet.from(cores.map(({ core }) => core));
    const [first] = cores;
    const type = first ? typeOf(first) : 'standard';
    return [formatCache(cache), formatNumbers(numbers), type, `${first?.cpus.size ?? 0}`, formatThreads(cores)];
  });
}

/** Rows of the machine; a socket or node that is the same as in the row before is left blank. */
function listRows(picture: MachinePicture): string[][] {
  return picture.sockets.flatMap(({ socket, nodes }) =>
    nodes.flatMap(({ node, caches }, nodeIndex) =>
      caches
        .flatMap((cache) => listCacheRows(picture, cache))
        .map((row, i) => [
          i === 0 && nodeIndex === 0 ? `${socket.socket}` : '',
          i === 0 ? `${node.numaNode}` : '',
          ...row,
        ]),
    ),
  );
}

function listCpuStates({ offline, isolated, nohzFull }: CpuTopology): string[] {
  const states: [string, CpuSet][] = [
    ['offline', offline],
    ['isolated', isolated],
    ['without timer tick (nohz_full)', nohzFull],
  ];
  return states.filter(([, cpus]) => !cpus.isEmpty).map(([name, cpus]) => `CPUs ${name}: ${cpus}`);
}

function listDistances({ numaNodes }: CpuTopology): string[] {
  if (numaNodes.length < 2 || numaNodes.length > DISTANCE_NODES_MAX) return [];
  if (numaNodes.every(({ distances }) => distances === undefined)) return [];
  const head = ['DISTANCE', ...numaNodes.map(({ numaNode }) => `${numaNode}`)];
  const rows = numaNodes.map(({ numaNode, distances }) => [`node ${numaNode}`, ...(distances ?? []).map(String)]);
  return ['', ...formatTable(head, rows)];
}

function listPcieRoots({ pcieRoots }: CpuTopology): string[] {
  if (pcieRoots.length === 0) return [];
  const rows = pcieRoots.map(({ pcieRoot, numaNode, cpus }) => [
    pcieRoot,
    `${numaNode ?? '-'}`,
    formatNumbers(cpus) || '-',
  ]);
  return ['', ...formatTable(['PCIE ROOT', 'NODE', 'LOCAL CPUS'], rows)];
}

function listOwners(owners: readonly CpuOwner[]): string[] {
  if (owners.length === 0) return [];
  const rows = owners.map(({ name, cpus }) => [name, `${cpus.size}`, `${cpus}`]);
  return ['', ...formatTable(['OWNER', 'COUNT', 'CPUS'], rows)];
}

function listProblems({ problems }: CpuTopology, all: boolean): string[] {
  if (problems.length === 0) return [];
  const shown = all ? problems : problems.slice(0, PROBLEM_LINES_MAX);
  const hidden = problems.length - shown.length;
  return [
    '',
    'PROBLEMS',
    ...shown.map(({ path, message }) => `${path} ${message}`),
    ...(hidden > 0 ? [`and ${hidden} more; --problems lists all`] : []),
  ];
}

/** The topology as lines of text: one row for each group of like cores, so that 512 CPUs fit a screen as 2 do. */
export function formatTopologyTable(topology: CpuTopology, options: TableOptions = {}): string {
  const picture = pictureMachine(topology);
  const head = ['SOCKET', 'NODE', 'L3', 'CORES', 'TYPE', 'THREADS', 'CPUS'];
  const memoryNodes = picture.memoryNodes.map(({ numaNode }) => numaNode).join(', ');
  return [
    summarizeMachine(topology),
    ...listCpuStates(topology),
    ...(memoryNodes === '' ? [] : [`NUMA nodes without CPUs: ${memoryNodes}`]),
    '',
    ...formatTable(head, listRows(picture)),
    ...listDistances(topology),
    ...listPcieRoots(topology),
    ...listOwners(options.owners ?? []),
    ...listProblems(topology, options.allProblems ?? false),
    '',
  ].join('\n');
}
