import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatClaimSpec, parseClaimSpec } from './cdi-spec.ts';
import type { Assignment, PreparedClaim } from '../claims/ledger.ts';
import { parseCpuList } from '../cpuset/parse.ts';
import { toPreparedClaim, toRecord } from './claim-record.ts';
import { preparedClaim } from '../containers/testing/fixtures.ts';

const assignment: Required<Assignment> = {
  request: 'cpus/big',
  pool: 'node-a',
  device: 'cpudevnuma000',
  shareId: 'f00',
  cpus: parseCpuList('2-3,10-11'),
  policy: 'packed',
  why: ['best fit'],
};
/** `Required`: a new field of a claim is a field here, and has to come back from the file. */
const whole: Required<PreparedClaim> = {
  uid: 'u1',
  namespace: 'shop',
  name: 'db',
  assignments: [assignment],
  cpus: parseCpuList('2-3,10-11'),
  memoryNodes: parseCpuList('0-1'),
  sharesPool: true,
};

for (const [name, claim] of [
  ['every field', whole],
  ['no field that may be absent', preparedClaim('u2', '4')],
] as const) {
  test(`toPreparedClaim gives a claim with ${name} back as its file has it`, () => {
    const { uid } = claim;
    assert.deepEqual(toPreparedClaim(parseClaimSpec(formatClaimSpec(toRecord(claim)), uid)), claim);
  });
}

test('toPreparedClaim names a claim of another driver’s file by its UID', () => {
  const { namespace, name, assignments } = toPreparedClaim({ uid: 'u3', cpus: '7' });
  assert.deepEqual({ namespace, name, assignments }, { namespace: 'unknown', name: 'u3', assignments: [] });
});
