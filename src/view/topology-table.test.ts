import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { CATALOGUE } from '../topology/catalogue.ts';
import { parseSynthetic } from '../topology/synthetic.ts';
import { topologyFromJson } from '../topology/topology-from-json.ts';
import { formatTopologyTable } from './topology-table.ts';

function linesOf(name: string): string[] {
  const machine = CATALOGUE.find((one) => one.name === name);
  assert.ok(machine, name);
  return formatTopologyTable(machine.build()).split('\n');
}

test('formatTopologyTable shows a small machine in a few lines', () => {
  assert.equal(
    formatTopologyTable({ ...parseSynthetic('l3:1(size=16MB) core:1 pu:2'), pcieRoots: [] }),
    [
      '2 CPUs, 1 core, 1 socket, 1 NUMA node, 1 L3 cache',
      '',
      'SOCKET  NODE  L3          CORES  TYPE      THREADS  CPUS',
      '0       0     0 (16 MiB)  0      standard  2        0 + 1',
      '',
    ].join('\n'),
  );
});

test('formatTopologyTable fits the largest machines on a page, no line longer than a screen is wide', () => {
  for (const name of ['epyc-9754', 'epyc-9965-nps4', 'xeon-6980p', 'gh200', 'i9-13900k']) {
    const lines = linesOf(name);
    assert.ok(lines.length < 60, `${name}: ${lines.length} lines`);
    assert.ok(
      lines.every((line) => line.length <= 120),
      name,
    );
  }
});

test('formatTopologyTable shows CPUs of sockets that take turns by their step', () => {
  const text = linesOf('xeon-snc2-alternating').join('\n');
  assert.match(text, /^0 +0 +0 \(38\.5 MiB, shared\) +0-52 by 4 +standard +2 +0-52 by 4 \+ 56-108 by 4$/m);
  assert.match(text, /^pci0000:20 +2 +2-110 by 4$/m);
});

test('formatTopologyTable tells apart kinds of core, marks shared caches and lists nodes without CPUs', () => {
  assert.match(
    linesOf('i9-13900k').join('\n'),
    /0 \(36 MiB\)\s+0-7\s+p-core\s+2 .*\n\s+0 \(36 MiB\)\s+8-23\s+e-core\s+1 /,
  );
  assert.match(linesOf('xeon-8490h-snc4').join('\n'), /0 \(112\.5 MiB, shared\)/);
  assert.match(linesOf('gh200').join('\n'), /NUMA nodes without CPUs: 1, 2, 3, 4, 5, 6, 7, 8/);
});

test('formatTopologyTable lists distances, PCIe roots, states of CPUs and owners', () => {
  const topology = {
    ...parseSynthetic('numa:2 core:2'),
    offline: CpuSet.of(7),
    isolated: CpuSet.of(3),
    nohzFull: CpuSet.of(2),
  };
  const text = formatTopologyTable(topology, { owners: [{ name: 'shop/db', cpus: CpuSet.of(1) }] });
  for (const part of [
    'CPUs offline: 7',
    'CPUs isolated: 3',
    'CPUs without timer tick (nohz_full): 2',
    'DISTANCE  0   1\nnode 0    10  12\nnode 1    12  10',
    'pci0000:10  1     2-3',
    'OWNER    COUNT  CPUS\nshop/db  1      1',
  ]) {
    assert.ok(text.includes(part), `${part}\nin\n${text}`);
  }
});

test('formatTopologyTable counts the problems beyond the first few unless asked for all', () => {
  const problems = Array.from({ length: 9 }, (_, i) => ({ path: `/sys/p${i}`, message: 'is wrong' }));
  const topology = { ...parseSynthetic('core:1'), problems };
  assert.match(formatTopologyTable(topology), /\/sys\/p4 is wrong\nand 4 more; --problems lists all/);
  assert.match(formatTopologyTable(topology, { allProblems: true }), /\/sys\/p8 is wrong\n$/);
});

test('formatTopologyTable shows the threads of a core in the NUMA node of each', () => {
  const cpus = [0, 1, 2, 3].map((cpu) => ({ cpu, core: cpu % 2, socket: 0, numaNode: cpu < 2 ? 0 : 1 }));
  const lines = formatTopologyTable(topologyFromJson({ cpus })).split('\n');
  assert.deepEqual(lines.slice(3, 5), [
    '0       0     -   0-1    standard  1        0-1',
    '        1     -   0-1    standard  1        2-3',
  ]);
});
