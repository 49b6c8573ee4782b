import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readClaimPods, readClaimPools } from './claim-object.ts';

test('readClaimPods reads the pods that a claim is reserved for, and nothing else', () => {
  const reservedFor = [
    { resource: 'pods', name: 'db', uid: 'u1' },
    { apiGroup: 'example.com', resource: 'groups', name: 'g', uid: 'u2' },
    { resource: 'pods', name: 'no-uid' },
    'db',
    { resource: 'pods', name: 'web', uid: 'u3' },
  ];
  assert.deepEqual(readClaimPods({ status: { reservedFor } }), [
    { name: 'db', uid: 'u1' },
    { name: 'web', uid: 'u3' },
  ]);
});

for (const claim of [undefined, null, {}, { status: null }, { status: { reservedFor: {} } }]) {
  test(`readClaimPods finds none in ${JSON.stringify(claim)}`, () => {
    assert.deepEqual(readClaimPods(claim), []);
  });
}

test('readClaimPools reads the pools of the driver’s devices, each once', () => {
  const results = [
    { driver: 'dra.cpu', pool: 'node-a' },
    { driver: 'gpu.example.com', pool: 'node-g' },
    { driver: 'dra.cpu', pool: 'node-a' },
    { driver: 'dra.cpu', pool: 'node-b' },
  ];
  assert.deepEqual(readClaimPools({ status: { allocation: { devices: { results } } } }, 'dra.cpu'), [
    'node-a',
    'node-b',
  ]);
  for (const claim of [undefined, {}, { status: { allocation: {} } }])
    assert.deepEqual(readClaimPools(claim, 'dra.cpu'), []);
});
