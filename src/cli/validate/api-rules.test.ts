import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check, findIssues } from './testing/check.ts';
import { claimOf, exactly } from './testing/manifests.ts';

const AT = 'error spec.devices';

const cases: [what: string, devices: object, expected: string[]][] = [
  ['a claim for nothing', {}, []],
  [
    'a request of neither form',
    { requests: [{ name: 'r' }] },
    [`${AT}.requests[0]: exactly one of \`exactly\` or \`firstAvailable\` is required`],
  ],
  [
    'a request without a class',
    { requests: [{ name: 'r', exactly: { count: 1 } }] },
    [`${AT}.requests[0].exactly.deviceClassName: a value`],
  ],
  [
    'a request without a name',
    { requests: [{ exactly: { deviceClassName: 'dra.cpu' } }] },
    [`${AT}.requests[0].name: a value`],
  ],
  ['a name that is not a label', { requests: [exactly({}, 'My_CPUs')] }, [`${AT}.requests[0].name: a DNS label`]],
  ['count 0', { requests: [exactly({ count: 0 })] }, [`${AT}.requests[0].exactly.count: greater than zero`]],
  [
    'an unknown mode',
    { requests: [exactly({ allocationMode: 'Some' })] },
    [`${AT}.requests[0].exactly.allocationMode: one of "All", "ExactCount"`],
  ],
  [
    'two requests of one name',
    { requests: [exactly({}), exactly({})] },
    [`${AT}.requests[1]: a name that is not used before`],
  ],
  [
    'a constraint on an unknown request',
    { requests: [exactly({})], constraints: [{ requests: ['nope'], matchAttribute: 'dra.cpu/numaNodeID' }] },
    [
      `${AT}.constraints[0].requests[0]: the name of a request in the claim or the name of a request and a subrequest separated by a slash`,
    ],
  ],
  [
    'an attribute without a domain',
    { requests: [exactly({})], constraints: [{ matchAttribute: 'numaNodeID' }] },
    [`${AT}.constraints[0].matchAttribute: a fully qualified name must be a domain and a name separated by a slash`],
  ],
  [
    '33 requests',
    { requests: Array.from({ length: 33 }, (_, i) => exactly({}, `r${i}`)) },
    [`${AT}.requests: at most 32 items`],
  ],
  [
    'a configuration without parameters',
    { requests: [exactly({})], config: [{ opaque: { driver: 'gpu.example.com' } }] },
    [`${AT}.config[0].opaque.parameters: a value`],
  ],
];

for (const [what, devices, expected] of cases) {
  test(`validateManifests judges ${what} as the API server does`, () => {
    assert.deepEqual(check([claimOf(devices)]), expected);
  });
}

test('validateManifests finds in v1beta1 what it finds in v1, at the field where it stands', () => {
  const claim = JSON.parse(claimOf({ requests: [{ name: 'r', deviceClassName: 'dra.cpu', count: 0 }] })) as object;
  assert.deepEqual(check([{ ...claim, apiVersion: 'resource.k8s.io/v1beta1' }]), [
    'error spec.devices.requests[0].count: greater than zero',
  ]);
});

test('validateManifests reports a field under a wrong name once, not as missing too', () => {
  assert.deepEqual(check([claimOf({ requests: [{ name: 'r', exactly: { deviceClasName: 'dra.cpu' } }] })]), [
    `${AT}.requests[0].exactly.deviceClasName: a field of ExactDeviceRequest (adminAccess, allocationMode, capacity, count, deviceClassName, selectors, tolerations)`,
  ]);
  assert.equal(check([claimOf({ requests: [{ name: 'r', exacty: { deviceClassName: 'dra.cpu' } }] })]).length, 1);
  assert.equal(check([claimOf({ requests: [{ name: 'r', exactly: { deviceClassName: 7 } }] })]).length, 1);
});

test('validateManifests reports objects without a name, and accepts generated ones', () => {
  const claim = JSON.parse(claimOf({})) as object;
  assert.deepEqual(check([{ ...claim, metadata: {} }]), ['error metadata.name: a value']);
  assert.deepEqual(check([{ ...claim, metadata: { name: 'Not_OK' } }]), ['error metadata.name: a DNS subdomain']);
  assert.deepEqual(check([{ ...claim, metadata: { generateName: 'x-' } }]), []);
});

test('validateManifests says what to do about what the API server rejects', () => {
  const [issue] = findIssues([claimOf({ requests: [exactly({ count: 0 })] })]);
  assert.equal(issue?.value, 0);
  assert.equal(issue?.remedy, 'correct it, or the API server rejects the object');
});
