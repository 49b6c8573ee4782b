import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Readiness, type ReadinessCondition, readinessConditions } from './readiness.ts';

const names = Object.keys(readinessConditions) as ReadinessCondition[];

test('Readiness holds nothing at first and says what it waits for', () => {
  const conditions = new Readiness(() => 0).readConditions();
  assert.deepEqual(
    conditions.map(({ name, ok }) => [name, ok]),
    names.map((name) => [name, false]),
  );
  assert.equal(conditions[0]?.reason, 'waiting for the container runtime to tell its containers (for 0 s)');
});

test('Readiness tells the last reason and the time since the first of failures in a row', () => {
  let nowMs = 1_000;
  const { hold, fail, readConditions } = new Readiness(() => nowMs);
  for (const name of names) hold(name);
  assert(readConditions().every(({ ok, reason }) => ok && reason === undefined));
  fail('nri-synchronized', 'connection refused');
  nowMs += 2_500;
  fail('nri-synchronized', 'no such file');
  nowMs += 600;
  assert.deepEqual(readConditions()[0], { name: 'nri-synchronized', ok: false, reason: 'no such file (for 3 s)' });
  hold('nri-synchronized');
  fail('nri-synchronized', 'connection lost');
  assert.equal(readConditions()[0]?.reason, 'connection lost (for 0 s)');
});
