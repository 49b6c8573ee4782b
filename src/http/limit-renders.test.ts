import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitRenders, RENDER_INTERVAL_MS } from './limit-renders.ts';

/** A clock that tests move, and a render that says when it was made. */
function setUp() {
  let nowMs = 0;
  let sleepers: { atMs: number; wake: () => void }[] = [];
  let renders = 0;
  const sleep = (ms: number) => new Promise<void>((wake) => void sleepers.push({ atMs: nowMs + ms, wake }));
  const ask = limitRenders(
    async () => {
      renders += 1;
      return nowMs;
    },
    { now: () => nowMs, sleep },
  );
  const pass = async (ms: number) => {
    nowMs += ms;
    const due = sleepers.filter(({ atMs }) => atMs <= nowMs);
    sleepers = sleepers.filter(({ atMs }) => atMs > nowMs);
    for (const { wake } of due) wake();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { ask, pass, renders: () => renders };
}

test('limitRenders renders at once after a quiet second', async () => {
  const { ask, pass } = setUp();
  assert.equal(await ask(), 0);
  await pass(RENDER_INTERVAL_MS);
  assert.equal(await ask(), RENDER_INTERVAL_MS);
});

test('limitRenders renders once for all who ask within a second, and nothing older than the question', async () => {
  const { ask, pass, renders } = setUp();
  await ask();
  const waiting: Promise<number>[] = [];
  for (let asked = 0; asked < 9; asked += 1) {
    await pass(RENDER_INTERVAL_MS / 10);
    waiting.push(ask());
  }
  assert.equal(renders(), 1);
  await pass(RENDER_INTERVAL_MS / 10);
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set([RENDER_INTERVAL_MS]));
  assert.equal(renders(), 2);
});

test('limitRenders makes who asks during a rendering wait for the next one', async () => {
  const { ask, pass, renders } = setUp();
  const first = ask();
  const second = ask();
  assert.notEqual(first, second);
  assert.equal(await first, 0);
  await pass(RENDER_INTERVAL_MS);
  assert.equal(await second, RENDER_INTERVAL_MS);
  assert.equal(renders(), 2);
});

test('limitRenders goes on after a rendering that failed', async () => {
  let fails = true;
  const ask = limitRenders(
    () => {
      if (fails) throw new RangeError('no state');
      return 'page';
    },
    { now: () => 0, sleep: async () => {} },
  );
  await assert.rejects(ask(), /no state/);
  await assert.rejects(ask(), /no state/);
  fails = false;
  assert.equal(await ask(), 'page');
});
