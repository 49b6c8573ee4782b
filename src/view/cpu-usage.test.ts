import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { parseCpuList } from '../cpuset/parse.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { measureUsage } from './cpu-usage.ts';

/** Two NUMA nodes with two L3 caches of two cores of two threads each, and a node of memory only. */
const topology: CpuTopology = {
  cpus: [],
  sockets: [],
  cores: [0, 1, 2, 3, 4, 5, 6, 7].map((core) => ({
    core,
    coreId: core,
    socket: 0,
    cpus: CpuSet.of(2 * core, 2 * core + 1),
  })),
  l3Caches: [0, 1, 2, 3].map((l3Cache) => ({
    l3Cache,
    l3CacheId: l3Cache,
    cpus: CpuSet.range(4 * l3Cache, 4 * l3Cache + 3),
    sizeKiB: undefined,
  })),
  numaNodes: [
    { numaNode: 0, cpus: CpuSet.range(0, 7), hasMemory: true, distances: undefined },
    { numaNode: 1, cpus: CpuSet.range(8, 15), hasMemory: true, distances: undefined },
    { numaNode: 2, cpus: CpuSet.empty, hasMemory: true, distances: undefined },
  ],
  pcieRoots: [],
  online: CpuSet.range(0, 15),
  offline: CpuSet.empty,
  isolated: CpuSet.empty,
  nohzFull: CpuSet.empty,
  problems: [],
};

const cases: { title: string; free: string; taken: string; nodes: number[][]; l3s: number[][] }[] = [
  {
    title: 'an empty machine',
    free: '0-15',
    taken: '',
    nodes: [
      [8, 0, 8, 4],
      [8, 0, 8, 4],
    ],
    l3s: [
      [4, 0, 4],
      [4, 0, 4],
      [4, 0, 4],
      [4, 0, 4],
    ],
  },
  {
    title: 'single threads taken, which leave no whole core',
    free: '1,3,5,7,8-15',
    taken: '0,2,4,6',
    nodes: [
      [4, 4, 0, 2],
      [8, 0, 8, 4],
    ],
    l3s: [
      [2, 2, 0],
      [2, 2, 0],
      [4, 0, 4],
      [4, 0, 4],
    ],
  },
  {
    title: 'reserved CPUs, which are neither free nor taken',
    free: '2-7',
    taken: '8-15',
    nodes: [
      [6, 0, 6, 4],
      [0, 8, 0, 0],
    ],
    l3s: [
      [2, 0, 2],
      [4, 0, 4],
      [0, 4, 0],
      [0, 4, 0],
    ],
  },
];

for (const { title, free, taken, nodes, l3s } of cases) {
  test(`measureUsage counts ${title}`, () => {
    const usage = measureUsage(topology, { free: parseCpuList(free), taken: parseCpuList(taken) });
    assert.deepEqual(
      usage.numaNodes.map(({ id, free, allocated, largestAllocatable: largest }) => [
        id,
        free,
        allocated,
        largest['full-cores'],
        largest['single-l3'],
      ]),
      nodes.map((values, id) => [id, ...values]),
    );
    assert.deepEqual(
      usage.l3Caches.map(({ id, free, allocated, largestAllocatable: largest }) => [
        id,
        free,
        allocated,
        largest['full-cores'],
      ]),
      l3s.map((values, id) => [id, ...values]),
    );
  });
}

test('measureUsage names no L3 policy where the machine tells of no L3 cache', () => {
  const usage = measureUsage({ ...topology, l3Caches: [] }, { free: topology.online, taken: CpuSet.empty });
  assert.deepEqual(usage.numaNodes[0]?.largestAllocatable, { 'full-cores': 8 });
  assert.deepEqual(usage.l3Caches, []);
});
