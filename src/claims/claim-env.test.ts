import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatClaimSpec } from '../records/cdi-spec.ts';
import { checkCpusEnv, parseClaimEnv } from './claim-env.ts';

test('checkCpusEnv: DRA_CPUSET names no claim, and is refused where it stands twice', () => {
  assert.equal(parseClaimEnv(['DRA_CPUSET=0-3']).size, 0);
  checkCpusEnv(['DRA_CPUSET=0-3', 'DRA_CPUSET_a=2', 'DRA_CPUSET', 'A=DRA_CPUSET=']);
  assert.throws(() => checkCpusEnv(['DRA_CPUSET=', 'B=1', 'DRA_CPUSET=0-3']), {
    code: 'MalformedEnv',
    message: /has DRA_CPUSET twice; the variable is set by dra.cpu, remove it/,
  });
});

/** The variables that the CDI device of a claim sets. */
function cdiEnv(uid: string, cpus: string): string[] {
  const spec = JSON.parse(formatClaimSpec({ uid, cpus })) as { devices: [{ containerEdits: { env: string[] } }] };
  return spec.devices[0].containerEdits.env;
}

test('parseClaimEnv reads back what formatClaimSpec sets, among other variables', () => {
  const env = ['PATH=/bin', ...cdiEnv('a-1', '1-3'), ...cdiEnv('b-2', '8'), 'DRA_CPUSET=1'];
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
