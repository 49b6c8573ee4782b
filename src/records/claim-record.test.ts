import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Assignment, PreparedClaim } from '../claims/prepared-claim.ts';
import { preparedClaim } from '../containers/testing/fixtures.ts';
import { parseCpuList } from '../cpuset/parse.ts';
import { formatClaimSpec, parseClaimSpec, toClaimSpec, toPreparedClaim } from './cdi-spec.ts';
import { formatClaimRecord, parseClaimRecord, parseRecordFileName, recordFileName } from './claim-record.ts';

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
  podClaimName: 'cpus',
  users: { pods: [{ name: 'db-0', uid: 'pod-1' }], others: false },
  assignments: [assignment],
  cpus: parseCpuList('2-3,10-11'),
  memoryNodes: parseCpuList('0-1'),
  sharesPool: true,
};
const owner = { podUid: 'pod-1', podNamespace: 'shop', podName: 'db-0', containerName: 'main' };

for (const [name, record] of [
  ['every field', { claim: whole, owner }],
  ['no field that may be absent', { claim: preparedClaim('u2', '4'), owner: undefined }],
] as const) {
  test(`parseClaimRecord returns a claim with ${name} as it was recorded`, () => {
    assert.deepEqual(parseClaimRecord(formatClaimRecord(record), record.claim.uid), record);
  });
}

test('formatClaimRecord writes the document that other programs may read', () => {
  const { version, checksum, claim } = JSON.parse(formatClaimRecord({ claim: whole, owner }));
  assert.equal(version, 1);
  assert.match(checksum, /^[0-9a-f]{64}$/);
  assert.deepEqual(claim, {
    uid: 'u1',
    namespace: 'shop',
    name: 'db',
    podClaimName: 'cpus',
    users: { pods: [{ name: 'db-0', uid: 'pod-1' }], others: false },
    assignments: [{ ...assignment, cpus: '2-3,10-11' }],
    cpus: '2-3,10-11',
    memoryNodes: '0-1',
    sharedCPUs: true,
    owner,
  });
});

test('parseClaimRecord names what is wrong with a file, and never throws anything else', () => {
  const text = formatClaimRecord({ claim: whole, owner });
  const change = (edit: (document: Record<string, unknown>) => void) => {
    const document = JSON.parse(text);
    edit(document);
    return JSON.stringify(document);
  };
  const cases: [string, RegExp][] = [
    ['', /it is empty/],
    ['{"version":', /not valid JSON/],
    ['null', /the document is null; want an object/],
    ['[]', /the document is \[\]; want an object/],
    ['{}', /version is missing/],
    ['{"version":1}', /claim is missing; want an object/],
    [text.replace('2-3,10-11', '2-3,10-12'), /checksum does not match/],
    [change((document) => void delete document['checksum']), /checksum does not match/],
    [change((document) => void (document['claim'] = null)), /claim is null; want an object/],
    [text.replace('"version":1', '"version":"1"'), /version is "1"; want a number/],
  ];
  for (const [content, message] of cases) {
    assert.throws(() => parseClaimRecord(content, 'u1'), { name: 'ClaimRecordError', code: 'Damaged', message });
  }
  assert.throws(() => parseClaimRecord(text, 'u2'), { code: 'Damaged', message: /record of another claim/ });
});

test('parseClaimRecord reads a record of a later release that has more fields', () => {
  const text = formatClaimRecord({ claim: whole, owner }).replace('"version":1', '"version":2');
  assert.deepEqual(parseClaimRecord(text, 'u1').claim, whole);
});

test('parseRecordFileName knows records from other files and from paths in disguise', () => {
  assert.equal(parseRecordFileName(recordFileName('a-1')), 'a-1');
  for (const name of [
    'a',
    '.json',
    '..json',
    'a/b.json',
    '../x.json',
    'a.json.0a.dracpu-tmp',
    `${'a'.repeat(200)}.json`,
  ]) {
    assert.equal(parseRecordFileName(name), undefined, name);
  }
});

test('toPreparedClaim returns what release 0.1.0 wrote of a claim, with unknown users', () => {
  const { users: _, podClaimName: __, ...known } = whole;
  assert.deepEqual(toPreparedClaim(parseClaimSpec(formatClaimSpec(toClaimSpec(whole)), 'u1')), known);
});

test('toPreparedClaim names a claim of another driver’s file by its UID', () => {
  const { namespace, name, assignments, users } = toPreparedClaim({ uid: 'u3', cpus: '7' });
  assert.deepEqual(
    { namespace, name, assignments, users },
    { namespace: 'unknown', name: 'u3', assignments: [], users: undefined },
  );
});
