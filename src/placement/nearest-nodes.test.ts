import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCpuList } from '../cpuset/parse.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { explainPlacement } from './explain.ts';
import { type PlacementPolicy, takeCpus } from './take-cpus.ts';
import { machineOf, regularRows } from './testing/machines.ts';

/** Four NUMA nodes of one socket, a core of two threads each, at unlike distances (sched_ext/scx#1552). */
const unlike = machineOf(
  Array.from({ length: 8 }, (_, cpu) => {
    const node = cpu >> 1;
    return { cpu, core: node, socket: 0, numaNode: node, l3Cache: node };
  }),
  [
    [10, 51, 31, 41],
    [51, 10, 21, 61],
    [31, 21, 10, 11],
    [41, 61, 11, 10],
  ],
);

/** Four sockets in a ring, each a NUMA node of four cores with two neighboring threads: neighbors at 16, the opposite at 22. */
const ring = machineOf(
  Array.from({ length: 32 }, (_, cpu) => {
    const node = cpu >> 3;
    return { cpu, core: cpu >> 1, socket: node, numaNode: node, l3Cache: node };
  }),
  [
    [10, 16, 22, 16],
    [16, 10, 16, 22],
    [22, 16, 10, 16],
    [16, 22, 16, 10],
  ],
);

function take(
  topology: CpuTopology,
  { cpus, policy, taken = '' }: { cpus: number; policy: PlacementPolicy; taken?: string },
) {
  return takeCpus(topology, { free: topology.online.difference(parseCpuList(taken)), cpus, policy });
}

for (const policy of ['packed', 'packed-no-l3', 'spread', 'full-cores', 'single-socket', 'distributed'] as const) {
  test(`takeCpus ${policy} takes the nearest of NUMA nodes that serve as well`, () => {
    const { cpus, score } = take(unlike, { cpus: 4, policy });
    assert.deepEqual([`${cpus}`, score.numaNodes, score.distance], ['4-7', 2, 11]);
  });
}

for (const policy of ['packed', 'packed-no-l3', 'spread', 'full-cores', 'distributed'] as const) {
  test(`takeCpus ${policy} takes neighboring sockets of a ring, not opposite ones`, () => {
    const { cpus, score } = take(ring, { cpus: 16, policy, taken: '8' });
    assert.deepEqual([`${cpus}`, score.distance], ['0-7,24-31', 16]);
  });
}

test('takeCpus one-thread-per-core takes the nearest of NUMA nodes that serve as well', () => {
  assert.equal(`${take(unlike, { cpus: 2, policy: 'one-thread-per-core' }).cpus}`, '4,6');
  assert.equal(`${take(ring, { cpus: 8, policy: 'one-thread-per-core', taken: '8' }).cpus}`, '0,2,4,6,24,26,28,30');
});

test('takeCpus never prefers near nodes to fewer ones', () => {
  // Nodes 2 and 3 are the nearest, and half taken.
  const { cpus, score } = take(unlike, { cpus: 4, policy: 'packed', taken: '4,6' });
  assert.deepEqual([`${cpus}`, score.numaNodes, score.distance], ['0-3', 2, 51]);
});

test('takeCpus counts distances in both directions', () => {
  const rows = regularRows({ sockets: 3, nodesPerSocket: 1, l3sPerNode: 1, coresPerL3: 1, threadsPerCore: 1 });
  const oneWay = machineOf(rows, [
    [10, 20, 24],
    [40, 10, 28],
    [24, 28, 10],
  ]);
  assert.equal(`${take(oneWay, { cpus: 2, policy: 'packed' }).cpus}`, '0,2');
});

test('explainPlacement says how far apart the NUMA nodes are', () => {
  assert.deepEqual(explainPlacement(take(unlike, { cpus: 4, policy: 'packed' })), [
    "Why: better than the kubelet's best fit, and worse in nothing: NUMA nodes at distance 11 instead of 51.",
    'Touches 1 socket, 2 NUMA nodes (distance 11), 2 L3 caches, 2 cores, 0 broken cores.',
  ]);
  assert.match(
    explainPlacement(take(ring, { cpus: 24, policy: 'packed' })).join(),
    /3 NUMA nodes \(mean distance 18\)/,
  );
});
