import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertProperty, property } from 'fast-check';
import { CpuSet } from '../../src/cpuset/cpu-set.ts';
import { parseSynthetic } from '../../src/topology/synthetic.ts';
import { randomMachine } from '../../src/topology/testing/random-machine.ts';
import { planDemo } from './demo-plan.ts';

const cases: { machine: string; want: { db?: number; cache?: number; greedy?: number }; because: string }[] = [
  { machine: 'core:1', want: { greedy: 1 }, because: 'the only CPU is for containers without a claim' },
  { machine: 'core:2', want: { db: 1, greedy: 1 }, because: 'one CPU is left' },
  { machine: 'core:3', want: { db: 1, cache: 1, greedy: 1 }, because: 'both claims fit' },
  { machine: 'core:4 pu:2', want: { db: 4, cache: 2, greedy: 2 }, because: 'claims are of whole cores' },
  { machine: 'l3:4 core:4 pu:2', want: { db: 8, cache: 8, greedy: 16 }, because: 'an L3 cache has 8 CPUs' },
  { machine: 'numa:2 core:8', want: { db: 4, cache: 2 }, because: 'no claim reaches over NUMA nodes' },
  { machine: 'numa:2 core:1', want: { db: 1 }, because: 'a NUMA node has one CPU' },
];

for (const { machine, want, because } of cases) {
  test(`planDemo on ${machine}: ${because}`, () => {
    const topology = parseSynthetic(machine);
    const { skips, ...sizes } = planDemo(topology, topology.online);
    assert.deepEqual(sizes, want);
    assert.equal(skips.length, 3 - Object.keys(want).length);
  });
}

test('planDemo sizes for the usable CPUs only', () => {
  const { skips, ...sizes } = planDemo(parseSynthetic('core:8'), CpuSet.of(2, 5));
  assert.deepEqual(sizes, { db: 1 });
  assert.match(skips.at(-1) ?? '', /all of it usable/);
});

test('planDemo always leaves a CPU, and claims fit into one NUMA node', () => {
  assertProperty(
    property(randomMachine, (topology) => {
      const { db = 0, cache = 0 } = planDemo(topology, topology.online);
      const largest = Math.max(...topology.numaNodes.map(({ cpus }) => cpus.size));
      assert.ok(db + cache < topology.online.size);
      assert.ok(db + cache <= largest);
    }),
  );
});
