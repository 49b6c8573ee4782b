import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { formatClaimEnv, parseClaimEnv } from './claim-env.ts';

test('parseClaimEnv reads back what formatClaimEnv writes, among other variables', () => {
  const env = [
    'PATH=/bin',
    formatClaimEnv('a-1', CpuSet.of(1, 2, 3)),
    formatClaimEnv('b-2', CpuSet.of(8)),
    'DRA_CPUSET=1',
  ];
  const claims = parseClaimEnv(env);
  assert.deepEqual(
    [...claims].map(([uid, cpus]) => [uid, cpus.toString()]),
    [
      ['a-1', '1-3'],
      ['b-2', '8'],
    ],
  );
});

test('parseClaimEnv N6: refuses every malformed DRA_CPUSET variable and names it', () => {
  const cases = [
    'DRA_CPUSET_a',
    'DRA_CPUSET_a=',
    'DRA_CPUSET_a=\n',
    'DRA_CPUSET_=1',
    'DRA_CPUSET_a=0-',
    'DRA_CPUSET_a=3-1',
    'DRA_CPUSET_a=0 1',
    'DRA_CPUSET_a=all',
  ];
  for (const entry of cases) {
    assert.throws(() => parseClaimEnv([entry]), { name: 'ClaimError', code: 'MalformedEnv' }, entry);
    assert.throws(
      () => parseClaimEnv([entry]),
      (error: Error) => error.message.includes(JSON.stringify(entry)),
    );
  }
  assert.throws(() => parseClaimEnv(['DRA_CPUSET_a=1', 'DRA_CPUSET_a=2']), { code: 'MalformedEnv' });
});
