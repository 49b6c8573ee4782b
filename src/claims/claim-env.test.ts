import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatClaimSpec } from '../records/cdi-spec.ts';
import { checkCpusEnv, readNamedClaims } from './claim-env.ts';

test('checkCpusEnv: DRA_CPUSET names no claim, and is refused where it is there twice', () => {
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

test('readNamedClaims reads back what formatClaimSpec sets, among other variables', () => {
  const env = ['PATH=/bin', ...cdiEnv('a-1', '1-3'), ...cdiEnv('b-2', '8'), 'DRA_CPUSET=1'];
  const { byUid, problem } = readNamedClaims(env);
  assert.equal(problem, undefined);
  assert.deepEqual(
    [...byUid],
    [
      ['a-1', '1-3'],
      ['b-2', '8'],
    ],
  );
  assert.equal(readNamedClaims(['PATH=/bin', 'DRA_CPUSET=0-3']).byUid.size, 0);
});

test('readNamedClaims N6: refuses every malformed DRA_CPUSET variable and names it', () => {
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
    const { byUid, problem } = readNamedClaims(['DRA_CPUSET_b=1', entry]);
    assert.equal(byUid.size, 0, entry);
    assert.ok(problem?.includes(JSON.stringify(entry)), entry);
  }
  assert.match(readNamedClaims(['DRA_CPUSET_a=1', 'DRA_CPUSET_a=2']).problem ?? '', /a claim that is there twice/);
});

test('readNamedClaims S4: a long variable, or many, cost no more time than they have bytes', () => {
  const bomb = `0-8191,`.repeat(16_000);
  const bombs = Array.from({ length: 12 }, (_, index) => `DRA_CPUSET_a${index}=${bomb}`);
  const startMs = performance.now();
  const { byUid, problem } = readNamedClaims(bombs);
  assert.equal(byUid.size, 0);
  assert.match(problem ?? '', /has 12 variables named DRA_CPUSET_\* of \d+ bytes; 64 and 65536 are allowed/);
  assert.ok((problem ?? '').length < 400, 'the message is short');
  assert.ok(readNamedClaims(Array.from({ length: 65 }, (_, index) => `DRA_CPUSET_a${index}=1`)).problem);
  // A single one is taken as it is, to be compared with the claim that it names; reading it would take a second.
  assert.equal(readNamedClaims([`DRA_CPUSET_a=${'0-8191,'.repeat(9_000)}0`]).problem, undefined);
  assert.ok(performance.now() - startMs < 50, `took ${performance.now() - startMs} ms`);
});

test('readNamedClaims: CDI devices name the claims where the runtime reports them, and the environment is compared', () => {
  const named = readNamedClaims(['DRA_CPUSET_a=1-2'], ['a', 'b']);
  assert.deepEqual(
    [...named.byUid],
    [
      ['a', '1-2'],
      ['b', undefined],
    ],
  );
  assert.match(readNamedClaims(['DRA_CPUSET_a=1-2'], []).problem ?? '', /the kubelet passed no CDI device/);
  assert.match(readNamedClaims(['DRA_CPUSET_x=1'], ['a']).problem ?? '', /"DRA_CPUSET_x=1"/);
});
