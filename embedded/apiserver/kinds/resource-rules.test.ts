import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { claim, newCluster, pod, slice } from '../testing/cluster.ts';

/** What the server says to an object: its fields in error, or "ok". */
function verdict(resource: string, object: object): string[] | 'ok' {
  try {
    newCluster().create(resource, object);
    return 'ok';
  } catch (error) {
    return (error as { status: { details: { causes: { field: string }[] } } }).status.details.causes.map(
      ({ field }) => field,
    );
  }
}

function devices(count: number, more: object = {}): object[] {
  return Array.from({ length: count }, (_, index) => ({ name: `d${index}`, ...more }));
}

function oneDevice(device: object): object {
  return slice('n1', [{ name: 'd', ...device }]);
}

function attributes(count: number): Record<string, object> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, { int: index }]));
}

const shared = (capacity: object) => oneDevice({ allowMultipleAllocations: true, capacity: { cpu: capacity } });

describe('validateSlice', () => {
  const cases: [string, object, string[] | 'ok'][] = [
    ['128 devices', slice('n1', devices(128)), 'ok'],
    ['129 devices', slice('n1', devices(129)), ['spec.devices']],
    ['64 devices with lists', slice('n1', devices(64, { attributes: { roots: { strings: ['a'] } } })), 'ok'],
    [
      '65 devices with lists',
      slice('n1', devices(65, { attributes: { roots: { strings: ['a'] } } })),
      ['spec.devices'],
    ],
    ['65 devices with taints', slice('n1', devices(65, { taints: [{ key: 'a', effect: 'None' }] })), ['spec.devices']],
    ['two devices of one name', slice('n1', [{ name: 'd' }, { name: 'd' }]), ['spec.devices[1]']],
    ['a device name that is no label', slice('n1', [{ name: 'D_1' }]), ['spec.devices[0].name']],
    ['32 attributes', oneDevice({ attributes: attributes(32) }), 'ok'],
    ['33 attributes', oneDevice({ attributes: attributes(33) }), ['spec.devices[0]']],
    [
      '49 values',
      oneDevice({ attributes: { l: { ints: Array.from({ length: 49 }, (_, i) => i) } } }),
      ['spec.devices[0]'],
    ],
    ['a text of 64', oneDevice({ attributes: { a: { string: 'x'.repeat(64) } } }), 'ok'],
    [
      'a text of 65',
      oneDevice({ attributes: { a: { string: 'x'.repeat(65) } } }),
      ['spec.devices[0].attributes[a].string'],
    ],
    ['a bad version', oneDevice({ attributes: { a: { version: '1.0' } } }), ['spec.devices[0].attributes[a].version']],
    [
      'an attribute of two kinds',
      oneDevice({ attributes: { a: { int: 1, bool: true } } }),
      ['spec.devices[0].attributes[a]'],
    ],
    ['an empty list', oneDevice({ attributes: { a: { ints: [] } } }), ['spec.devices[0].attributes[a].ints']],
    ['a name with two slashes', oneDevice({ attributes: { 'a/b/c': { int: 1 } } }), ['spec.devices[0].attributes']],
    [
      'a name that is no identifier',
      oneDevice({ attributes: { 'dra.cpu/a-b': { int: 1 } } }),
      ['spec.devices[0].attributes'],
    ],
    [
      'a name of 33 letters',
      oneDevice({ attributes: { ['x'.repeat(33)]: { int: 1 } } }),
      ['spec.devices[0].attributes'],
    ],
    [
      'a capacity that is no quantity',
      oneDevice({ capacity: { cpu: { value: 'x' } } }),
      ['spec.devices[0].capacity[cpu].value'],
    ],
    [
      'a policy without sharing',
      oneDevice({ capacity: { cpu: { value: '4', requestPolicy: { default: '1' } } } }),
      ['spec.devices[0].capacity[cpu].requestPolicy'],
    ],
    [
      'a range with steps',
      shared({ value: '8', requestPolicy: { default: '2', validRange: { min: '2', step: '2' } } }),
      'ok',
    ],
    [
      'a default off the steps',
      shared({ value: '8', requestPolicy: { default: '3', validRange: { min: '2', step: '2' } } }),
      ['spec.devices[0].capacity[cpu].requestPolicy.validRange.step'],
    ],
    [
      'a range without default',
      shared({ value: '8', requestPolicy: { validRange: { min: '1' } } }),
      ['spec.devices[0].capacity[cpu].requestPolicy.default'],
    ],
    [
      'a maximum above the capacity',
      shared({ value: '8', requestPolicy: { default: '1', validRange: { min: '1', max: '9' } } }),
      ['spec.devices[0].capacity[cpu].requestPolicy.validRange.max'],
    ],
    [
      'values out of order',
      shared({ value: '8', requestPolicy: { default: '2', validValues: ['4', '2'] } }),
      ['spec.devices[0].capacity[cpu].requestPolicy.validValues[1]'],
    ],
    [
      'no node',
      { metadata: { name: 's' }, spec: { driver: 'd', pool: { name: 'p', generation: 1, resourceSliceCount: 1 } } },
      ['spec'],
    ],
    ['two kinds of node', { ...slice('n1', []), spec: { ...slice('n1', []).spec, allNodes: true } }, ['spec']],
    [
      'a pool of no slices',
      { ...slice('n1', []), spec: { ...slice('n1', []).spec, pool: { name: 'p', generation: 1 } } },
      ['spec.pool.resourceSliceCount'],
    ],
  ];
  for (const [what, object, expected] of cases) {
    it(`${expected === 'ok' ? 'accepts' : 'refuses'} ${what}`, () =>
      assert.deepEqual(verdict('resourceslices', object), expected));
  }

  it('refuses to move a slice to another node, driver or pool', () => {
    const store = newCluster();
    const stored = store.create('resourceslices', slice('n1', []));
    const moved = { ...stored.spec, nodeName: 'n2', driver: 'other', pool: { ...stored.spec.pool, name: 'n2' } };
    assert.throws(
      () => store.update('resourceslices', { ...stored, spec: moved }),
      /spec.pool.name.*spec.driver.*spec.nodeName/,
    );
  });
});

function withDevices(spec: object): object {
  return { metadata: { name: 'c' }, spec: { devices: spec } };
}

const exact = { name: 'cpu', exactly: { deviceClassName: 'dra.cpu' } };

describe('validateClaim', () => {
  const cases: [string, object, string[] | 'ok'][] = [
    ['a plain claim', claim('c'), 'ok'],
    ['a claim for nothing', withDevices({}), 'ok'],
    [
      'alternatives',
      withDevices({ requests: [{ name: 'r', firstAvailable: [{ name: 'a', deviceClassName: 'x' }] }] }),
      'ok',
    ],
    ['a request of neither form', withDevices({ requests: [{ name: 'r' }] }), ['spec.devices.requests[0]']],
    [
      'a request of both forms',
      withDevices({ requests: [{ ...exact, firstAvailable: [{ name: 'a', deviceClassName: 'x' }] }] }),
      ['spec.devices.requests[0]'],
    ],
    ['two requests of one name', withDevices({ requests: [exact, exact] }), ['spec.devices.requests[1]']],
    [
      'no class',
      withDevices({ requests: [{ name: 'r', exactly: {} }] }),
      ['spec.devices.requests[0].exactly.deviceClassName'],
    ],
    ['count 0', claim('c', { count: 0 }), ['spec.devices.requests[0].exactly.count']],
    ['all with a count', claim('c', { allocationMode: 'All', count: 2 }), ['spec.devices.requests[0].exactly.count']],
    ['an unknown mode', claim('c', { allocationMode: 'Some' }), ['spec.devices.requests[0].exactly.allocationMode']],
    [
      'a selector that does not compile',
      claim('c', { selectors: [{ cel: { expression: 'device.' } }] }),
      ['spec.devices.requests[0].exactly.selectors[0].cel.expression'],
    ],
    [
      'an amount that is none',
      claim('c', { capacity: { requests: { cpu: 'many' } } }),
      ['spec.devices.requests[0].exactly.capacity.requests[cpu]'],
    ],
    [
      'a constraint on an unknown request',
      withDevices({ requests: [exact], constraints: [{ requests: ['nope'], matchAttribute: 'a.b/c' }] }),
      ['spec.devices.constraints[0].requests[0]'],
    ],
    [
      'a constraint without domain',
      withDevices({ requests: [exact], constraints: [{ matchAttribute: 'numa' }] }),
      ['spec.devices.constraints[0].matchAttribute'],
    ],
    ['a constraint of nothing', withDevices({ requests: [exact], constraints: [{}] }), ['spec.devices.constraints[0]']],
    [
      'configuration without driver',
      withDevices({ requests: [exact], config: [{ opaque: { parameters: {} } }] }),
      ['spec.devices.config[0].opaque.driver'],
    ],
    [
      '33 requests',
      withDevices({ requests: Array.from({ length: 33 }, (_, i) => ({ ...exact, name: `r${i}` })) }),
      ['spec.devices.requests'],
    ],
  ];
  for (const [what, object, expected] of cases) {
    it(`${expected === 'ok' ? 'accepts' : 'refuses'} ${what}`, () =>
      assert.deepEqual(verdict('resourceclaims', object), expected));
  }

  it('fills in one device, exactly', () => {
    const { requests } = newCluster().create('resourceclaims', claim('c')).spec.devices ?? {};
    assert.deepEqual(requests?.[0]?.exactly, { deviceClassName: 'dra.cpu', allocationMode: 'ExactCount', count: 1 });
  });
});

describe('claimStatusCauses', () => {
  const result = { request: 'cpu', driver: 'dra.cpu', pool: 'n1', device: 'd' };
  const identity = { driver: 'dra.cpu', pool: 'n1', device: 'd' };
  const allocation = { devices: { results: [result] } };
  const pods = { resource: 'pods', name: 'p', uid: 'u' };
  const cases: [string, object, RegExp | undefined][] = [
    ['an allocation with its consumer', { allocation, reservedFor: [pods] }, undefined],
    ['a consumer without allocation', { reservedFor: [pods] }, /status.reservedFor: Forbidden/],
    ['the status of a device of the claim', { allocation, devices: [identity] }, undefined],
    [
      'the status of another device',
      { allocation, devices: [{ ...identity, device: 'e' }] },
      /must be an allocated device/,
    ],
    ['data that is no object', { allocation, devices: [{ ...identity, data: 'x' }] }, /must be a valid JSON object/],
    ['data that is too long', { allocation, devices: [{ ...identity, data: { a: 'x'.repeat(11_000) } }] }, /Too long/],
  ];
  for (const [what, status, problem] of cases) {
    it(`${problem ? 'refuses' : 'accepts'} ${what}`, () => {
      const store = newCluster();
      const stored = store.create('resourceclaims', claim('c'));
      const write = () => store.update('resourceclaims', { ...stored, status }, { subresource: 'status' });
      if (problem) assert.throws(write, problem);
      else write();
    });
  }
});

describe('validatePod', () => {
  const cases: [string, object, string[] | 'ok'][] = [
    ['a pod', pod('p'), 'ok'],
    ['no container', pod('p', { containers: [] }), ['spec.containers']],
    [
      'two containers of one name',
      pod('p', { containers: [{ name: 'a' }, { name: 'a' }] }),
      ['spec.containers[1].name'],
    ],
    [
      'a container named like an init container',
      pod('p', { containers: [{ name: 'a' }], initContainers: [{ name: 'a' }] }),
      ['spec.containers[0].name'],
    ],
    ['a claim from nowhere', pod('p', { resourceClaims: [{ name: 'c' }] }), ['spec.resourceClaims[0]']],
  ];
  for (const [what, object, expected] of cases) {
    it(`${expected === 'ok' ? 'accepts' : 'refuses'} ${what}`, () =>
      assert.deepEqual(verdict('pods', object), expected));
  }
});
