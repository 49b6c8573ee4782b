import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCpuList } from '../cpuset/parse.ts';
import { checkCpus } from './check-cpus.ts';
import { explainPlacement } from './explain.ts';
import { PlacementError } from './placement-error.ts';
import { machineOf, regularRows } from './testing/machines.ts';

const rows = regularRows({ sockets: 1, nodesPerSocket: 1, l3sPerNode: 2, coresPerL3: 2, threadsPerCore: 2 });
const machine = { ...machineOf(rows.filter(({ cpu }) => cpu !== 7)), offline: parseCpuList('7') };

test('checkCpus scores a list that is free', () => {
  const placement = checkCpus(machine, { free: parseCpuList('0-6'), cpus: parseCpuList('0-1,4') });
  assert.deepEqual(explainPlacement(placement), [
    'Why: the list that was given; all of it is free.',
    'Touches 1 socket, 1 NUMA node, 1 L3 cache, 2 cores, 1 broken core.',
  ]);
});

for (const [cpus, code, message] of [
  ['', 'InvalidCase', 'Cannot take CPUs : the list is empty; name at least one'],
  ['6-7', 'Unsatisfiable', 'Cannot take CPUs 6-7: 7 are offline'],
  ['6,9', 'Unsatisfiable', 'Cannot take CPUs 6,9: this machine has no 9; it has 0-6'],
  ['1-2', 'Unsatisfiable', 'Cannot take CPUs 1-2: 2 are not free'],
] as const) {
  test(`checkCpus refuses ${JSON.stringify(cpus)}`, () => {
    assert.throws(
      () => checkCpus(machine, { free: parseCpuList('0-1,6'), cpus: parseCpuList(cpus) }),
      (error) => error instanceof PlacementError && error.code === code && error.message === message,
    );
  });
}
