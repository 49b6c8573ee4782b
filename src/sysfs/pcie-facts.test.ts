import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CpuTopology } from '../topology/topology.ts';
import { editMachine, readTree } from './testing/edited-machine.ts';
import type { MemoryTree } from './testing/memory-sysfs.ts';

/** Two nodes of two CPUs without PCIe roots, and the given files and links below sys/. */
function withPci(files: Readonly<Record<string, string>>, links: Readonly<Record<string, string>> = {}): MemoryTree {
  const base = editMachine('numa:2 core:2', { remove: /pci/ });
  const below = (entries: Readonly<Record<string, string>>) =>
    Object.entries(entries).map(([path, text]) => [`sys/${path}`, text] as const);
  return { files: new Map([...base.files, ...below(files)]), links: new Map([...base.links, ...below(links)]) };
}

const rootsOf = ({ pcieRoots }: CpuTopology) =>
  pcieRoots.map(({ pcieRoot, cpus, numaNode }) => `${pcieRoot}=${cpus} node ${numaNode ?? 'none'}`);

const cases: [name: string, files: Readonly<Record<string, string>>, want: string][] = [
  [
    'the list of its bus before anything else',
    {
      'pci_bus/0000:20/cpulistaffinity': '2-3\n',
      '0000:20:00.0/local_cpulist': '0\n',
      '0000:20:00.0/numa_node': '1\n',
    },
    'pci0000:20=2-3 node 1',
  ],
  ['the mask of its bus', { 'pci_bus/0000:20/cpuaffinity': 'c\n' }, 'pci0000:20=2-3 node 1'],
  ['the list of the first device that has one', { '0000:20:03.1/local_cpulist': '0-1\n' }, 'pci0000:20=0-1 node 0'],
  ['the mask of a device', { '0000:20:00.0/local_cpus': '00000003\n' }, 'pci0000:20=0-1 node 0'],
  ['the node of a device', { '0000:20:00.0/numa_node': '1\n' }, 'pci0000:20=2-3 node 1'],
  ['every CPU where nothing tells', { '0000:20:00.0/class': '0x060400\n' }, 'pci0000:20=0-3 node none'],
  [
    'every CPU and no node where the kernel knows of none',
    { 'pci_bus/0000:20/cpulistaffinity': '0-3\n', '0000:20:00.0/numa_node': '-1\n' },
    'pci0000:20=0-3 node none',
  ],
];

for (const [name, files, want] of cases) {
  test(`readTopology takes the local CPUs of a PCIe root from ${name}`, () => {
    const below = Object.fromEntries(Object.entries(files).map(([path, text]) => [`devices/pci0000:20/${path}`, text]));
    assert.deepEqual(rootsOf(readTree(withPci(below))), [want]);
  });
}

test('readTopology knows a root whose node is offline altogether as local to none', () => {
  const { files, links } = withPci({
    'devices/pci0000:40/pci_bus/0000:40/cpulistaffinity': '\n',
    'devices/pci0000:40/0000:40:00.0/numa_node': '1\n',
  });
  const offline = new Map(files)
    .set('sys/devices/system/cpu/online', '0-1\n')
    .set('sys/devices/system/node/node1/cpulist', '\n')
    .set('sys/devices/system/node/node1/cpumap', '0\n');
  assert.deepEqual(rootsOf(readTree({ files: offline, links })), ['pci0000:40= node 1']);
});

test('readTopology finds domains of five digits and roots below another device', () => {
  const tree = withPci(
    {
      'devices/pci10000:e1/pci_bus/10000:e1/cpulistaffinity': '0-1\n',
      'devices/platform/soc/30000000.pcie/pci0002:00/pci_bus/0002:00/cpulistaffinity': '2-3\n',
      'devices/pci0000:00/0000:00:01.0/pci_bus/0000:01/cpulistaffinity': '0-3\n',
      'devices/pci0000:00/pci_bus/0000:00/cpulistaffinity': '0-3\n',
    },
    {
      'class/pci_bus/10000:e1': '../../devices/pci10000:e1/pci_bus/10000:e1',
      'class/pci_bus/0002:00': '../../devices/platform/soc/30000000.pcie/pci0002:00/pci_bus/0002:00',
      'class/pci_bus/0000:01': '../../devices/pci0000:00/0000:00:01.0/pci_bus/0000:01',
      'class/pci_bus/0000:00': '../../devices/pci0000:00/pci_bus/0000:00',
    },
  );
  assert.deepEqual(rootsOf(readTree(tree)), [
    'pci0000:00=0-3 node none',
    'pci0002:00=2-3 node 1',
    'pci10000:e1=0-1 node 0',
  ]);
});

test('readTopology finds roots below another device by the list of devices where there is none of buses', () => {
  const vmd = 'devices/pci0000:80/0000:80:0e.0/pci10000:e0';
  const tree = withPci(
    { [`${vmd}/10000:e0:06.0/local_cpulist`]: '2-3\n', 'devices/pci0000:80/0000:80:0e.0/local_cpulist': '2-3\n' },
    { 'bus/pci/devices/10000:e0:06.0': `../../../${vmd}/10000:e0:06.0` },
  );
  assert.deepEqual(rootsOf(readTree(tree)), ['pci0000:80=2-3 node 1', 'pci10000:e0=2-3 node 1']);
});

test('readTopology reads no PCIe root unless asked to', () => {
  const tree = withPci({ 'devices/pci0000:20/pci_bus/0000:20/cpulistaffinity': '2-3\n' });
  assert.deepEqual(readTree(tree, { pcieRoots: false }).pcieRoots, []);
});
