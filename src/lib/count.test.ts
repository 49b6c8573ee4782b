import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { countOf, nameCpus, verbFor } from './count.ts';

test('countOf, nameCpus and verbFor agree with the number', () => {
  assert.deepEqual(
    [0, 1, 2, 1n].map((count) => countOf(count, 'CPU')),
    ['0 CPUs', '1 CPU', '2 CPUs', '1 CPU'],
  );
  assert.equal(countOf(2, 'entry', 'entries'), '2 entries');
  assert.deepEqual([CpuSet.of(4), CpuSet.of(4, 5)].map(nameCpus), ['CPU 4', 'CPUs 4-5']);
  assert.deepEqual(
    [1, 2].map((count) => verbFor(count, 'is', 'are')),
    ['is', 'are'],
  );
});
