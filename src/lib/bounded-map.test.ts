import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { boundedMap } from './bounded-map.ts';

test('boundedMap runs so many tasks at once, returns results in order and lets other events in', async () => {
  let [running, most, others] = [0, 0, 0];
  const done = new AbortController();
  const count = async () => {
    for (; !done.signal.aborted; others += 1) await setImmediate();
  };
  void count();
  const results = await boundedMap(
    Array.from({ length: 20 }, (_, index) => index),
    3,
    async (item) => {
      most = Math.max(most, (running += 1));
      await Promise.resolve();
      running -= 1;
      return item * 2;
    },
  );
  assert.deepEqual(
    results,
    Array.from({ length: 20 }, (_, index) => index * 2),
  );
  done.abort();
  assert.equal(most, 3);
  assert.ok(others >= 5, `${others} other events were served`);
  assert.deepEqual(await boundedMap([], 3, async () => 1), []);
});

test('boundedMap rejects with the first failure and starts nothing after it', async () => {
  const started: number[] = [];
  const task = async (item: number) => {
    started.push(item);
    if (item === 1) throw new RangeError('one');
  };
  await assert.rejects(boundedMap([1, 2, 3, 4], 1, task), /one/);
  assert.deepEqual(started, [1]);
});
