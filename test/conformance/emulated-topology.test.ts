/** The reader against what Linux 6.1 said of itself on emulated machines (`sysfs-vm/`), with their PCIe roots. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readTopologyFrom } from '../../src/sysfs/read-topology.ts';
import { openMemorySysfs } from '../../src/sysfs/testing/memory-sysfs.ts';
import type { CpuTopology } from '../../src/topology/topology.ts';
import { type Answers, assertSame, findSharedFolder, groupByKey, listNames, nameSets } from './compare.ts';
import { readJsonFile, unpackMachine } from './machine-archive.ts';

/** What lscpu, the kernel's lists and its PCI devices said inside. */
interface Truth {
  readonly cpu: Readonly<Record<'online' | 'offline' | 'present' | 'isolated' | 'nohz_full', string>>;
  readonly lscpu_e: readonly {
    readonly cpu: number;
    readonly node: number | null;
    readonly socket: number | null;
    readonly core: number | null;
    readonly online: boolean;
  }[];
  readonly l3: Readonly<Record<string, { readonly size: string }>>;
  readonly nodes: Readonly<Record<string, { readonly cpulist: string; readonly distance: string }>>;
  readonly pci_roots: Readonly<
    Record<
      string,
      {
        readonly bus: { readonly cpulistaffinity: string };
        /** NUMA node, local CPUs and class by device. */
        readonly dev: Readonly<Record<string, readonly [string, string, string]>>;
      }
    >
  >;
}

function truthAnswers({ cpu, lscpu_e, l3, nodes, pci_roots }: Truth): Answers {
  const online = lscpu_e.filter((row) => row.online);
  const groupBy = (keyOf: (row: (typeof online)[number]) => number | null) =>
    groupByKey(online.map((row) => [row.cpu, keyOf(row)] as const));
  return {
    online: cpu.online,
    isolated: cpu.isolated,
    nohzFull: cpu.nohz_full.replace('(null)', ''),
    sockets: groupBy(({ socket }) => socket),
    cores: groupBy(({ core }) => core),
    l3Caches: nameSets(Object.keys(l3)),
    l3Sizes: [...new Set(Object.values(l3).map(({ size }) => Number.parseInt(size, 10)))].join(' '),
    numaNodes: online.map((row) => `${row.cpu}:${row.node}`).join(' '),
    nodes: Object.entries(nodes)
      .map(([name, { cpulist, distance }]) => `${name}=${cpulist} (${distance})`)
      .join(' '),
    pcieRoots: Object.entries(pci_roots)
      .map(([root, { bus, dev }]) => {
        const node = Object.values(dev).find(([id]) => id !== '-1')?.[0] ?? 'none';
        return `${root}=${bus.cpulistaffinity} node ${node}`;
      })
      .join('; '),
  };
}

function ownAnswers(topology: CpuTopology): Answers {
  return {
    online: topology.online.toString(),
    isolated: topology.isolated.toString(),
    nohzFull: topology.nohzFull.toString(),
    sockets: nameSets(topology.sockets.map(({ cpus }) => cpus)),
    cores: nameSets(topology.cores.map(({ cpus }) => cpus)),
    l3Caches: nameSets(topology.l3Caches.map(({ cpus }) => cpus)),
    l3Sizes: [...new Set(topology.l3Caches.map(({ sizeKiB }) => sizeKiB))].join(' '),
    numaNodes: topology.cpus.map(({ cpu, numaNode }) => `${cpu}:${numaNode}`).join(' '),
    nodes: topology.numaNodes
      .map(({ numaNode, cpus, distances }) => `node${numaNode}=${cpus} (${distances?.join(' ')})`)
      .join(' '),
    pcieRoots: topology.pcieRoots
      .map(({ pcieRoot, cpus, numaNode }) => `${pcieRoot}=${cpus} node ${numaNode ?? 'none'}`)
      .join('; '),
  };
}

const folder = findSharedFolder('sysfs-vm');
const names = listNames(folder.path).filter((name) => !name.includes('.'));
test('readTopology finds machines that were emulated', { skip: folder.skip }, () => assert.ok(names.length > 0));

for (const name of names) {
  test(`readTopology reads the emulated ${name} as its own kernel does`, () => {
    const truth: Truth = readJsonFile(join(folder.path, name, 'truth.json'));
    const tree = unpackMachine(join(folder.path, name, 'sysfs.tar.gz'));
    const topology = readTopologyFrom(openMemorySysfs(tree), { hostRoot: name, pcieRoots: true });
    assertSame(ownAnswers(topology), truthAnswers(truth));
    const present = topology.online.union(topology.offline);
    assert.equal(`${present}`, truth.cpu.present);
  });
}
