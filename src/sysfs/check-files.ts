import { CpuSet } from '../cpuset/cpu-set.ts';
import type { Cpu, CpuTopology } from '../topology/topology.ts';
import { listNumbered, readOnline } from './cpu-lists.ts';
import { CPU_DIRECTORY, NODE_DIRECTORY, type SysfsReader } from './sysfs-reader.ts';
import {
  CACHE_SET_FILES,
  type CpuSetFile,
  NODE_SET_FILES,
  TOPOLOGY_FAMILIES,
  type TopologyKind,
} from './topology-files.ts';

/** The topology that was read and, looked up once, the CPUs of its groups. */
interface Expectation {
  readonly reader: SysfsReader;
  readonly topology: CpuTopology;
  /** What the kernel calls online, also where it could not be placed. */
  readonly online: CpuSet;
  readonly dies: ReadonlyMap<number | undefined, CpuSet>;
  readonly clusters: ReadonlyMap<number | undefined, CpuSet>;
}

/** Compares every set file of a directory with the CPUs that the group has in the topology. */
function checkSets(
  { reader, topology }: Expectation,
  { directory, files }: { readonly directory: string; readonly files: readonly CpuSetFile[] },
  expected: CpuSet,
): void {
  for (const { name, form } of files) {
    const path = `${directory}/${name}`;
    const cpus = form === 'list' ? reader.readList(path) : reader.readMask(path);
    if (cpus && !cpus.intersection(topology.online).equals(expected)) {
      reader.report(path, `names CPUs "${cpus}"; other files say "${expected}"`);
    }
  }
}

function checkId(reader: SysfsReader, path: string, expected: number | undefined): void {
  const id = reader.readId(path);
  if (id !== expected)
    reader.report(path, `is ${id ?? 'not known'}; other CPUs of the group say ${expected ?? 'not known'}`);
}

function checkTopologyDirectory(expectation: Expectation, cpu: Cpu): void {
  const { reader, topology, dies, clusters } = expectation;
  const directory = `${CPU_DIRECTORY}/cpu${cpu.cpu}/topology`;
  const check = (kind: TopologyKind, expected: CpuSet | undefined) => {
    if (expected) checkSets(expectation, { directory, files: TOPOLOGY_FAMILIES[kind].setFiles }, expected);
  };
  if (reader.listDirectory(directory).length === 0) {
    reader.report(directory, `is missing; other CPUs place CPU ${cpu.cpu}`);
    return;
  }
  check('socket', topology.sockets[cpu.socket]?.cpus);
  check('die', cpu.die === undefined ? undefined : dies.get(cpu.die));
  check('cluster', cpu.cluster === undefined ? undefined : clusters.get(cpu.cluster));
  check('core', cpu.siblings);
  checkId(reader, `${directory}/${TOPOLOGY_FAMILIES.socket.idFile}`, cpu.socketId);
  checkId(reader, `${directory}/${TOPOLOGY_FAMILIES.core.idFile}`, cpu.coreId);
}

/** Compares list and mask of every cache, and the CPUs of those of level 3 with the topology. */
function checkCaches(expectation: Expectation, cpu: Cpu): void {
  const { reader, topology } = expectation;
  const caches = `${CPU_DIRECTORY}/cpu${cpu.cpu}/cache`;
  const l3 = cpu.l3Cache === undefined ? undefined : topology.l3Caches[cpu.l3Cache];
  let hasL3 = false;
  for (const index of listNumbered(reader.listDirectory(caches), 'index')) {
    const directory = `${caches}/index${index}`;
    const [mask, list] = CACHE_SET_FILES;
    const listed = reader.readList(`${directory}/${list.name}`);
    const masked = reader.readMask(`${directory}/${mask.name}`);
    if (listed && masked && !listed.equals(masked)) {
      reader.report(`${directory}/${list.name}`, `is "${listed}"; ${mask.name} says "${masked}"`);
    }
    if (reader.readId(`${directory}/level`) !== 3) continue;
    hasL3 = true;
    if (l3) checkSets(expectation, { directory, files: CACHE_SET_FILES }, l3.cpus);
  }
  if (l3 && !hasL3) reader.report(caches, `has no level 3 cache; other CPUs say that CPU ${cpu.cpu} shares one`);
}

/** Compares the `nodeM` entry of a CPU with the node that lists it. */
function checkNodeEntry(reader: SysfsReader, { cpu, numaNode }: Cpu): void {
  const directory = `${CPU_DIRECTORY}/cpu${cpu}`;
  const entries = listNumbered(reader.listDirectory(directory), 'node');
  if (entries.length > 0 && !entries.includes(numaNode)) {
    reader.report(directory, `has the entry node${entries.join(', node')}; node${numaNode} lists CPU ${cpu}`);
  }
}

function checkNodes({ reader, online }: Expectation): void {
  const [mask, list] = NODE_SET_FILES;
  const nodes = listNumbered(reader.listDirectory(NODE_DIRECTORY), 'node');
  for (const node of nodes) {
    const directory = `${NODE_DIRECTORY}/node${node}`;
    const listed = reader.readList(`${directory}/${list.name}`)?.intersection(online);
    const masked = reader.readMask(`${directory}/${mask.name}`)?.intersection(online);
    if (listed && masked && !listed.equals(masked)) {
      reader.report(`${directory}/${list.name}`, `is "${listed}"; ${mask.name} says "${masked}"`);
    }
  }
  const onlineNodes = reader.readList(`${NODE_DIRECTORY}/online`);
  const found = CpuSet.from(nodes);
  if (onlineNodes && !onlineNodes.equals(found)) {
    reader.report(`${NODE_DIRECTORY}/online`, `is "${onlineNodes}"; there are directories of "${found}"`);
  }
}

function checkCpuLists({ reader, online }: Expectation): void {
  const present = reader.readList(`${CPU_DIRECTORY}/present`);
  if (present && !online.isSubsetOf(present)) {
    reader.report(
      `${CPU_DIRECTORY}/present`,
      `is "${present}" and lacks the online CPUs "${online.difference(present)}"`,
    );
  }
  const offline = reader.readList(`${CPU_DIRECTORY}/offline`);
  if (offline?.intersects(online)) {
    reader.report(`${CPU_DIRECTORY}/offline`, `is "${offline}"; CPUs "${offline.intersection(online)}" are online`);
  }
}

/** Reports cores of one socket, die and cluster that carry the same number. */
function checkCoreIds({ reader, topology }: Expectation): void {
  const firstWith = new Map<string, CpuSet>();
  for (const { socket, die, cluster, coreId, siblings, cpu } of topology.cpus) {
    if (coreId === undefined || cpu !== siblings.first) continue;
    const key = [socket, die, cluster, coreId].join('/');
    const other = firstWith.get(key);
    if (!other) firstWith.set(key, siblings);
    else {
      const path = `${CPU_DIRECTORY}/cpu${cpu}/topology/core_id`;
      reader.report(
        path,
        `is ${coreId}, as for the CPUs "${other}" of the same socket, which are listed as another core`,
      );
    }
  }
}

function groupCpus(cpus: readonly Cpu[], groupOf: (cpu: Cpu) => number | undefined): Map<number | undefined, CpuSet> {
  const groups = Map.groupBy(cpus, groupOf);
  return new Map([...groups].map(([group, members]) => [group, CpuSet.from(members.map(({ cpu }) => cpu))]));
}

/**
 * Reads every file that tells of CPUs and reports those that do not fit the topology: reading that asked one CPU of each
 * group and trusted it.
 */
export function checkEveryFile(reader: SysfsReader, topology: CpuTopology): void {
  const expectation: Expectation = {
    reader,
    topology,
    online: readOnline(reader),
    dies: groupCpus(topology.cpus, ({ die }) => die),
    clusters: groupCpus(topology.cpus, ({ cluster }) => cluster),
  };
  checkCpuLists(expectation);
  for (const cpu of topology.cpus) {
    checkTopologyDirectory(expectation, cpu);
    checkCaches(expectation, cpu);
    checkNodeEntry(reader, cpu);
  }
  checkCoreIds(expectation);
  checkNodes(expectation);
}
