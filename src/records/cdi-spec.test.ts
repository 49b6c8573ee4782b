import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  claimCdiDeviceId,
  claimSpecFileName,
  formatClaimSpec,
  isUsableUid,
  parseClaimSpec,
  parseSpecFileName,
} from './cdi-spec.ts';

const uid = '5b8a0f3e-2f0c-4d5e-9d0e-0a1b2c3d4e5f';
const record = {
  uid,
  cpus: '2-3,10-11',
  namespace: 'shop',
  name: 'db',
  assignments: [
    {
      request: 'cpus',
      pool: 'node-a',
      device: 'cpudevnuma000',
      shareId: 's-1',
      cpus: '2-3,10-11',
      policy: 'packed',
      why: ['Why: best fit.'],
    },
  ],
};

test('formatClaimSpec writes the document that runtimes and the reference driver expect', () => {
  const spec = JSON.parse(formatClaimSpec(record));
  assert.equal(spec.cdiVersion, '0.8.0');
  assert.equal(spec.kind, 'dra.k8s.io/cpu');
  assert.deepEqual(spec.devices, [{ name: `claim-${uid}`, containerEdits: { env: [`DRA_CPUSET_${uid}=2-3,10-11`] } }]);
  assert.equal(claimSpecFileName(uid), `dra.k8s.io-cpu_claim-${uid}.json`);
  assert.equal(claimCdiDeviceId(uid), `dra.k8s.io/cpu=claim-${uid}`);
});

test('parseClaimSpec reads back what formatClaimSpec wrote', () => {
  assert.deepEqual(parseClaimSpec(formatClaimSpec(record), uid), record);
});

test('parseClaimSpec reads back the memory nodes, which the variable does not have', () => {
  const bound = { ...record, memoryNodes: '0-1' };
  assert.deepEqual(parseClaimSpec(formatClaimSpec(bound), uid), bound);
  assert.deepEqual(JSON.parse(formatClaimSpec(bound)).devices, JSON.parse(formatClaimSpec(record)).devices);
  assert.deepEqual(parseClaimSpec(formatClaimSpec({ ...record, memoryNodes: '' }), uid), record);
});

test('parseClaimSpec reads back shared CPUs, which are not in the variable', () => {
  const mixed = { ...record, sharedCPUs: true };
  assert.deepEqual(parseClaimSpec(formatClaimSpec(mixed), uid), mixed);
  assert.deepEqual(JSON.parse(formatClaimSpec(mixed)).devices, JSON.parse(formatClaimSpec(record)).devices);
});

test('parseClaimSpec reads a file from before the policy was recorded', () => {
  const [assignment] = record.assignments;
  const { policy: _, why: __, ...old } = assignment ?? {};
  const older = { ...record, assignments: [old as typeof assignment & object] };
  assert.deepEqual(parseClaimSpec(formatClaimSpec(older), uid), older);
});

test('parseClaimSpec reads a file of the reference driver, which has no annotations', () => {
  const text = JSON.stringify({
    cdiVersion: '0.8.0',
    kind: 'dra.k8s.io/cpu',
    devices: [{ name: `claim-${uid}`, containerEdits: { env: [`DRA_CPUSET_${uid}=7`] } }],
    containerEdits: {},
  });
  assert.deepEqual(parseClaimSpec(text, uid), { uid, cpus: '7' });
});

test('parseClaimSpec R4: says what is wrong with a damaged file', () => {
  const good = formatClaimSpec(record);
  const withAnnotation = (value: unknown) =>
    JSON.stringify({ ...JSON.parse(good), annotations: { 'dra.cpu/record': JSON.stringify(value) } });
  const withCpus = (list: string) => good.replace(/(DRA_CPUSET_[^=]*=)[^"]*/, `$1${list}`);
  const cases: [string, string, string][] = [
    ['', 'Damaged', 'not valid JSON (empty)'],
    [good.slice(0, 40), 'Damaged', 'not valid JSON'],
    ['null', 'Damaged', 'kind is missing'],
    [good.replace('dra.k8s.io/cpu', 'vendor.com/gpu'), 'Damaged', 'kind is "vendor.com/gpu"'],
    [good.replace(`"claim-${uid}"`, '"claim-other"'), 'Damaged', 'no device'],
    [withCpus('2-x'), 'Damaged', 'Cannot read the CPU list "2-x"'],
    [withCpus(''), 'Damaged', 'lists no CPUs'],
    [withAnnotation({}), 'Damaged', 'no version'],
    [withAnnotation({ version: 1 }), 'Damaged', 'does not name the claim'],
    [withAnnotation({ version: 1, namespace: 'a', name: 'b' }), 'Damaged', 'no assignments'],
    [withAnnotation({ version: 1, namespace: 'a', name: 'b', assignments: [{}] }), 'Damaged', 'incomplete'],
    [formatClaimSpec({ ...record, memoryNodes: '1-0' }), 'Damaged', 'reversed range'],
    [good.replace(/\\"cpus\\":\\"[^\\]*/, '\\"cpus\\":\\"3-1'), 'Damaged', 'reversed range'],
  ];
  for (const [text, code, reason] of cases) {
    assert.throws(
      () => parseClaimSpec(text, uid),
      (error: Error & { code: string }) => error.code === code && error.message.includes(reason),
      reason,
    );
  }
});

test('parseSpecFileName knows our files from others and from paths in disguise', () => {
  assert.equal(parseSpecFileName(claimSpecFileName(uid)), uid);
  for (const name of [
    'nvidia.json',
    'dra.k8s.io-cpu_claim-.json',
    'dra.k8s.io-cpu_claim-..%2f.json',
    'dra.k8s.io-cpu_claim-a.yaml',
  ]) {
    assert.equal(parseSpecFileName(name), undefined, name);
  }
  assert.ok(!isUsableUid('../../etc/passwd'));
  assert.ok(!isUsableUid('a'.repeat(129)));
});
