import { CpuSet } from '../../src/cpuset/cpu-set.ts';
import type { Cpu, CpuTopology } from '../../src/topology/topology.ts';

/** A sysfs tree as values. Paths are relative to the root, as in `sys/devices/system/cpu/online`. */
export interface SysfsTree {
  /** Contents by path. */
  readonly files: ReadonlyMap<string, string>;
  /** Targets of symbolic links by path. */
  readonly links: ReadonlyMap<string, string>;
}

const CPU = 'sys/devices/system/cpu';
const NODE = 'sys/devices/system/node';

/** How Linux names the list and the mask of one set. */
const SET_FILES = {
  topology: ['_list', ''],
  cache: ['/shared_cpu_list', '/shared_cpu_map'],
  node: ['/cpulist', '/cpumap'],
  bus: ['/cpulistaffinity', '/cpuaffinity'],
  device: ['/local_cpulist', '/local_cpus'],
} as const;

/** Collects the files of one machine. */
class TreeBuilder {
  readonly files = new Map<string, string>();
  readonly links = new Map<string, string>();
  readonly #maskWords: number;

  constructor(topology: CpuTopology) {
    this.#maskWords = ((topology.online.union(topology.offline).last ?? 0) >>> 5) + 1;
  }

  add(path: string, value: string | number): void {
    this.files.set(path, `${value}\n`);
  }

  /** A set as list and mask; masks of one machine are all as long as its highest CPU needs. */
  addSet(path: string, cpus: CpuSet, form: keyof typeof SET_FILES): void {
    const [list, mask] = SET_FILES[form];
    const words = cpus.isEmpty ? [] : cpus.toMask().split(',');
    const zeros = Array.from({ length: this.#maskWords - words.length }, () => '00000000');
    this.add(`${path}${list}`, cpus.toString());
    this.add(`${path}${mask}`, [...zeros, ...words].join(','));
  }
}

/** The CPUs of each die or cluster, which a topology has no list of. */
function groupCpus(topology: CpuTopology, groupOf: (cpu: Cpu) => number | undefined): Map<number | undefined, CpuSet> {
  const groups = Map.groupBy(topology.cpus, groupOf);
  return new Map([...groups].map(([group, members]) => [group, CpuSet.from(members.map(({ cpu }) => cpu))]));
}

/** Everything under `cpuN/` that follows from sets of CPUs known beforehand. */
interface CpuSets {
  readonly dies: ReadonlyMap<number | undefined, CpuSet>;
  readonly clusters: ReadonlyMap<number | undefined, CpuSet>;
}

function addTopologyFiles(tree: TreeBuilder, topology: CpuTopology, cpu: Cpu, { dies, clusters }: CpuSets): void {
  const directory = `${CPU}/cpu${cpu.cpu}/topology`;
  const socket = topology.sockets[cpu.socket]?.cpus ?? cpu.siblings;
  tree.add(`${directory}/physical_package_id`, cpu.socketId ?? -1);
  tree.addSet(`${directory}/package_cpus`, socket, 'topology');
  tree.addSet(`${directory}/core_siblings`, socket, 'topology');
  tree.add(`${directory}/core_id`, cpu.coreId ?? -1);
  tree.addSet(`${directory}/core_cpus`, cpu.siblings, 'topology');
  tree.addSet(`${directory}/thread_siblings`, cpu.siblings, 'topology');
  tree.add(`${directory}/die_id`, cpu.die ?? -1);
  tree.addSet(
    `${directory}/die_cpus`,
    cpu.die === undefined ? cpu.siblings : (dies.get(cpu.die) ?? socket),
    'topology',
  );
  // 65535 is what Linux shows where it knows of no cluster.
  tree.add(`${directory}/cluster_id`, cpu.cluster ?? 65_535);
  const cluster = cpu.cluster === undefined ? undefined : clusters.get(cpu.cluster);
  tree.addSet(`${directory}/cluster_cpus`, cluster ?? cpu.siblings, 'topology');
}

const PRIVATE_CACHES = [
  { level: 1, type: 'Data', size: '32K' },
  { level: 1, type: 'Instruction', size: '32K' },
  { level: 2, type: 'Unified', size: '1024K' },
] as const;

/** Caches of levels 1 and 2 per core, and the level 3 cache where there is one. */
function addCacheFiles(tree: TreeBuilder, topology: CpuTopology, cpu: Cpu): void {
  const directory = `${CPU}/cpu${cpu.cpu}/cache`;
  for (const [index, { level, type, size }] of PRIVATE_CACHES.entries()) {
    tree.add(`${directory}/index${index}/level`, level);
    tree.add(`${directory}/index${index}/type`, type);
    tree.add(`${directory}/index${index}/size`, size);
    tree.add(`${directory}/index${index}/id`, cpu.core);
    tree.addSet(`${directory}/index${index}`, cpu.siblings, 'cache');
  }
  const l3 = cpu.l3Cache === undefined ? undefined : topology.l3Caches[cpu.l3Cache];
  if (!l3) return;
  tree.add(`${directory}/index3/level`, 3);
  tree.add(`${directory}/index3/type`, 'Unified');
  if (l3.sizeKiB !== undefined) tree.add(`${directory}/index3/size`, `${l3.sizeKiB}K`);
  if (l3.l3CacheId !== undefined) tree.add(`${directory}/index3/id`, l3.l3CacheId);
  tree.addSet(`${directory}/index3`, l3.cpus, 'cache');
}

function addCpus(tree: TreeBuilder, topology: CpuTopology): void {
  const sets = {
    dies: groupCpus(topology, ({ die }) => die),
    clusters: groupCpus(topology, ({ cluster }) => cluster),
  };
  for (const cpu of topology.cpus) {
    tree.add(`${CPU}/cpu${cpu.cpu}/online`, 1);
    addTopologyFiles(tree, topology, cpu, sets);
    addCacheFiles(tree, topology, cpu);
  }
  // An offline CPU keeps its directory, without topology and caches.
  for (const cpu of topology.offline) tree.add(`${CPU}/cpu${cpu}/online`, 0);
  const present = topology.online.union(topology.offline);
  const hasSmt = topology.cores.some(({ cpus }) => cpus.size > 1);
  tree.add(`${CPU}/online`, topology.online.toString());
  tree.add(`${CPU}/offline`, topology.offline.toString());
  tree.add(`${CPU}/present`, present.toString());
  tree.add(`${CPU}/possible`, present.toString());
  tree.add(`${CPU}/isolated`, topology.isolated.toString());
  tree.add(`${CPU}/nohz_full`, topology.nohzFull.isEmpty ? '(null)' : topology.nohzFull.toString());
  tree.add(`${CPU}/smt/active`, hasSmt ? 1 : 0);
  tree.add(`${CPU}/smt/control`, hasSmt ? 'on' : 'notsupported');
}

function addNodes(tree: TreeBuilder, topology: CpuTopology): void {
  for (const { numaNode, cpus, distances } of topology.numaNodes) {
    tree.addSet(`${NODE}/node${numaNode}`, cpus, 'node');
    if (distances) tree.add(`${NODE}/node${numaNode}/distance`, distances.join(' '));
    for (const cpu of cpus) {
      tree.links.set(`${NODE}/node${numaNode}/cpu${cpu}`, `../../cpu/cpu${cpu}`);
      tree.links.set(`${CPU}/cpu${cpu}/node${numaNode}`, `../../node/node${numaNode}`);
    }
  }
  const all = CpuSet.from(topology.numaNodes.map(({ numaNode }) => numaNode)).toString();
  const withCpus = topology.numaNodes.filter(({ cpus }) => !cpus.isEmpty).map(({ numaNode }) => numaNode);
  tree.add(`${NODE}/online`, all);
  tree.add(`${NODE}/possible`, all);
  tree.add(`${NODE}/has_cpu`, CpuSet.from(withCpus).toString());
  const withMemory = topology.numaNodes.filter(({ hasMemory }) => hasMemory).map(({ numaNode }) => numaNode);
  const isTold = topology.numaNodes.some(({ hasMemory }) => hasMemory !== undefined);
  if (isTold) tree.add(`${NODE}/has_memory`, CpuSet.from(withMemory).toString());
}

/** The PMUs by which Linux tells the cores of a hybrid processor apart. */
function addCoreTypes(tree: TreeBuilder, topology: CpuTopology): void {
  const ofType = (type: string) =>
    CpuSet.from(topology.cpus.filter(({ coreType }) => coreType === type).map(({ cpu }) => cpu));
  const [pCores, eCores] = [ofType('p-core'), ofType('e-core')];
  if (pCores.isEmpty && eCores.isEmpty) return;
  tree.add('sys/devices/cpu_core/cpus', pCores.toString());
  tree.add('sys/devices/cpu_atom/cpus', eCores.toString());
}

/** Each root with one bridge on its bus. */
function addPcieRoots(tree: TreeBuilder, topology: CpuTopology): void {
  for (const { pcieRoot, cpus, numaNode } of topology.pcieRoots) {
    const bus = pcieRoot.slice('pci'.length);
    const bridge = `sys/devices/${pcieRoot}/${bus}:00.0`;
    tree.addSet(`sys/devices/${pcieRoot}/pci_bus/${bus}`, cpus, 'bus');
    tree.addSet(bridge, cpus, 'device');
    tree.add(`${bridge}/numa_node`, numaNode ?? -1);
    tree.add(`${bridge}/class`, '0x060400');
    tree.links.set(`sys/class/pci_bus/${bus}`, `../../devices/${pcieRoot}/pci_bus/${bus}`);
  }
}

/** Describes a machine as Linux 6.18 would show it in sysfs, as far as CPUs are concerned. */
export function describeMachine(topology: CpuTopology): SysfsTree {
  const tree = new TreeBuilder(topology);
  addCpus(tree, topology);
  addNodes(tree, topology);
  addCoreTypes(tree, topology);
  addPcieRoots(tree, topology);
  return tree;
}
