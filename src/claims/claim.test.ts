import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClaim } from './claim.ts';
import { allocatedClaim } from './testing/fixtures.ts';

const reference = { uid: 'u1', namespace: 'default', name: 'claim-u1' };

test('parseClaim keeps our devices and leaves out those of other drivers', () => {
  const json = allocatedClaim('u1', [
    { device: 'cpudevnuma000', cpus: '4', shareID: 's' },
    { device: 'gpu-0', driver: 'gpu.example.com' },
  ]);
  const claim = parseClaim(json, reference, 'dra.cpu');
  assert.deepEqual(claim.devices, [
    { request: 'cpus', pool: 'node-a', device: 'cpudevnuma000', shareId: 's', consumedCpus: '4', adminAccess: false },
  ]);
  assert.deepEqual(claim.configs, []);
});

test('parseClaim refuses a claim that was replaced, naming both UIDs', () => {
  assert.throws(
    () => parseClaim(allocatedClaim('u2', []), reference, 'dra.cpu'),
    (error: Error & { code: string }) => error.code === 'ClaimReplaced' && /u2.*u1/.test(error.message),
  );
});

test('parseClaim refuses a claim without an allocation', () => {
  assert.throws(() => parseClaim({ metadata: { uid: 'u1' } }, reference, 'dra.cpu'), { code: 'NotAllocated' });
  assert.throws(() => parseClaim({ metadata: { uid: 'u1' }, status: {} }, reference, 'dra.cpu'), {
    code: 'NotAllocated',
  });
});

test('parseClaim names the field that is malformed', () => {
  const withResults = (results: unknown) => ({
    metadata: { uid: 'u1' },
    status: { allocation: { devices: { results } } },
  });
  const cases: [unknown, string][] = [
    [undefined, 'the object'],
    [[], 'the object'],
    [{}, 'metadata'],
    [{ metadata: { uid: 7 } }, 'metadata.uid'],
    [withResults('x'), 'status.allocation.devices.results'],
    [withResults([{ driver: 'dra.cpu' }]), 'status.allocation.devices.results[0].request'],
    [withResults([{}]), 'status.allocation.devices.results[0].driver'],
    [
      withResults([
        { driver: 'dra.cpu', request: 'r', pool: 'p', device: 'd', consumedCapacity: { 'dra.cpu/cpu': {} } },
      ]),
      'status.allocation.devices.results[0].consumedCapacity.dra.cpu/cpu',
    ],
  ];
  for (const [json, field] of cases) {
    assert.throws(
      () => parseClaim(json, reference, 'dra.cpu'),
      (error: Error & { code: string }) => error.code === 'MalformedClaim' && error.message.includes(`: ${field} is `),
      field,
    );
  }
});
