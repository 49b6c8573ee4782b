/**
 * The reader against what lstopo says of real, virtual and hand-made machines (`sysfs/`). CPU sets are compared as sets:
 * numbers of groups differ between tools.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { CpuSet } from '../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../src/cpuset/parse.ts';
import { readTopologyFrom } from '../../src/sysfs/read-topology.ts';
import { openMemorySysfs } from '../../src/sysfs/testing/memory-sysfs.ts';
import type { Cpu, CpuTopology } from '../../src/topology/topology.ts';
import { type Answers, assertSame, findSharedFolder, groupByKey, listNames, nameSets } from './compare.ts';
import { readJsonFile, unpackMachine } from './machine-archive.ts';

/** What differs by intent: reasons by field by machine. */
const KNOWN_DIFFERENT: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  fakeheterocpunuma: {
    numaNodes:
      'Nodes 4 and 5 overlap node 3: lstopo drops overlapping nodes and has no node for their CPUs; here each CPU belongs to the ' +
      'lowest node that lists it. CPUs 4-7 are in no node: lstopo leaves them so, here they are reported and counted to node 0.',
  },
};

interface ExpectedCpu {
  readonly package_logical: number | null;
  readonly cluster: string | null;
  readonly numa_node: number | null;
  readonly smt_siblings: string;
  /** What the tree says where lstopo knew more from /proc/cpuinfo. */
  readonly smt_siblings_tree?: string;
  readonly l3: string | null;
}

interface ExpectedMachine {
  /** Null where the tool refused the tree. */
  readonly pus: Readonly<Record<string, ExpectedCpu>> | null;
  readonly dies?: readonly { readonly pus: string }[];
  readonly l3?: readonly { readonly size_kib: number | null; readonly pus: string }[];
  readonly kernel_lists: { readonly cpuless_nodes: string | null; readonly numa_exposed: boolean };
  readonly numa_distances?: readonly { readonly nodes: readonly number[]; readonly values: readonly number[] }[];
  readonly pci_roots?: readonly { readonly root: string; readonly local_pus: string }[] | null;
  readonly offline: string;
  /** Of a machine known by CPUID only: lstopo tells its clusters from nowhere. */
  readonly kind: string;
}

/** What lstopo says, or undefined where it says nothing about a field. */
function expectedAnswers(machine: ExpectedMachine): Answers {
  const cpus = Object.entries(machine.pus ?? {});
  const groupBy = (keyOf: (cpu: ExpectedCpu) => number | string | null) =>
    groupByKey(cpus.map(([cpu, one]) => [cpu, keyOf(one)] as const));
  return {
    online: parseCpuList(cpus.map(([cpu]) => cpu).join(',')).toString(),
    offline: machine.offline,
    sockets: groupBy(({ package_logical }) => package_logical ?? 'the only one'),
    dies: nameSets((machine.dies ?? []).map(({ pus }) => pus)),
    clusters: machine.kind === 'cpuid-derived' ? undefined : groupBy(({ cluster }) => cluster),
    cores: groupBy(({ smt_siblings, smt_siblings_tree }) => smt_siblings_tree ?? smt_siblings),
    l3Caches: groupBy(({ l3 }) => l3),
    l3Sizes: machine.l3?.map(({ pus, size_kib }) => `${pus}=${size_kib || undefined}`).join(' '),
    numaNodes: cpus.map(([cpu, { numa_node }]) => `${cpu}:${numa_node}`).join(' '),
    cpuLessNodes: machine.kernel_lists.cpuless_nodes ?? '',
    distances: machine.numa_distances?.[0]?.values.join(' '),
    pcieRoots: machine.pci_roots?.map(({ root, local_pus }) => `${root}=${local_pus}`).join(' '),
  };
}

/** Sets of CPUs by a number, without those that lstopo merges: of one CPU or the same as a larger group. */
function distinctSets(topology: CpuTopology, numberOf: (cpu: Cpu) => number | undefined, larger: string): string {
  const merged = new Set([...larger.split(' '), ...topology.sockets.map(({ cpus }) => `${cpus}`)]);
  const sets = groupByKey(topology.cpus.map((cpu) => [cpu.cpu, numberOf(cpu)] as const)).split(' ');
  return sets.filter((set) => /\D/.test(set) && !merged.has(set)).join(' ');
}

function ownAnswers(topology: CpuTopology, expected: ExpectedMachine): Answers {
  const wantedRoots = new Set((expected.pci_roots ?? []).map(({ root }) => root));
  const distanceNodes = expected.numa_distances?.[0]?.nodes ?? [];
  const nodeIds = topology.numaNodes.map(({ numaNode }) => numaNode);
  const dies = distinctSets(topology, ({ die }) => die, '');
  return {
    online: topology.online.toString(),
    offline: topology.offline.toString(),
    sockets: nameSets(topology.sockets.map(({ cpus }) => cpus)),
    dies,
    clusters: distinctSets(topology, ({ cluster }) => cluster, dies),
    cores: nameSets(topology.cores.map(({ cpus }) => cpus)),
    l3Caches: nameSets(topology.l3Caches.map(({ cpus }) => cpus)),
    l3Sizes: topology.l3Caches.map(({ cpus, sizeKiB }) => `${cpus}=${sizeKiB}`).join(' '),
    numaNodes: topology.cpus.map(({ cpu, numaNode }) => `${cpu}:${numaNode}`).join(' '),
    cpuLessNodes: `${CpuSet.from(topology.numaNodes.filter(({ cpus }) => cpus.isEmpty).map(({ numaNode }) => numaNode))}`,
    distances: topology.numaNodes
      .filter(({ numaNode }) => distanceNodes.includes(numaNode))
      .flatMap(({ distances }) => distances?.filter((_, i) => distanceNodes.includes(nodeIds[i] ?? -1)) ?? [])
      .join(' '),
    pcieRoots: topology.pcieRoots
      .filter(({ pcieRoot }) => wantedRoots.has(pcieRoot))
      .map(({ pcieRoot, cpus }) => `${pcieRoot}=${cpus}`)
      .join(' '),
  };
}

const folder = findSharedFolder('sysfs');
const names = listNames(folder.path, '.expected.json');
test('readTopology finds machines that lstopo has described', { skip: folder.skip }, () => assert.ok(names.length > 0));

for (const name of names) {
  test(`readTopology reads ${name} as lstopo does`, () => {
    const expected: ExpectedMachine = readJsonFile(join(folder.path, `${name}.expected.json`));
    const tree = unpackMachine(join(folder.path, `${name}.tar.gz`));
    const read = (checkEveryFile: boolean) =>
      readTopologyFrom(openMemorySysfs(tree), { hostRoot: name, pcieRoots: true, checkEveryFile });
    if (!expected.pus) {
      assert.throws(() => read(false), { name: 'TopologyError', code: 'NoTopology' });
      return;
    }
    const topology = read(false);
    const known = new Set(Object.keys(KNOWN_DIFFERENT[name] ?? {}));
    assertSame(ownAnswers(topology, expected), expectedAnswers(expected), known);
    assert.deepEqual({ ...read(true), problems: [] }, { ...topology, problems: [] }, 'checking changes the topology');
  });
}
