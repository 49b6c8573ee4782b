import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryDelayMs } from './retry-delay.ts';

const policy = { baseMs: 50, maxMs: 3000 };

test('retryDelayMs doubles up to the maximum and stays there', () => {
  const delays = [1, 2, 3, 7, 8, 1_000_000].map((failures) => retryDelayMs(policy, failures, () => 0));
  assert.deepEqual(delays, [50, 100, 200, 3000, 3000, 3000]);
});

test('retryDelayMs takes off at most half', () => {
  assert.equal(
    retryDelayMs(policy, 1, () => 0.5),
    37.5,
  );
  assert.ok(retryDelayMs(policy, 1, () => 0.999_999) > 25);
});
