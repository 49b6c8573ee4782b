import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FeatureGate } from './feature-gates.ts';
import { claim, newCluster, slice } from './testing/cluster.ts';

const device = {
  name: 'cpudevnuma000',
  allowMultipleAllocations: true,
  attributes: { 'dra.cpu/numaNodeID': { int: 0 } },
  capacity: { 'dra.cpu/cpu': { value: '4', requestPolicy: { default: '1', validRange: { min: '1' } } } },
};

function off(gate: FeatureGate) {
  return newCluster({ featureGates: { [gate]: false } });
}

describe('feature gates', () => {
  it('keep every field while they are on', () => {
    assert.deepEqual(newCluster().create('resourceslices', slice('n1', [device])).spec.devices, [device]);
  });

  it('DRAConsumableCapacity off drops sharing and what claims ask of it', () => {
    const store = off('DRAConsumableCapacity');
    const [stored] = store.create('resourceslices', slice('n1', [device])).spec.devices ?? [];
    assert.equal(stored?.allowMultipleAllocations, undefined);
    assert.deepEqual(stored?.capacity, { 'dra.cpu/cpu': { value: '4' } });
    const made = store.create('resourceclaims', claim('c', { capacity: { requests: { 'dra.cpu/cpu': '2' } } }));
    assert.equal(made.spec.devices?.requests?.[0]?.exactly?.capacity, undefined);
  });

  it('DRAListTypeAttributes off leaves an attribute without a value, which is refused', () => {
    const attributes = { 'resource.kubernetes.io/pcieRoot': { strings: ['pci0000:00'] } };
    assert.throws(
      () => off('DRAListTypeAttributes').create('resourceslices', slice('n1', [{ name: 'a', attributes }])),
      {
        message: /exactly one value must be specified/,
      },
    );
  });

  it('drop nothing that the stored object already uses', () => {
    const store = newCluster({ featureGates: {} });
    const stored = store.create('resourceslices', slice('n1', [device]));
    const renamed = { ...device, name: 'cpudevnuma001' };
    const spec = { ...stored.spec, devices: [device, renamed] };
    assert.equal(store.update('resourceslices', { ...stored, spec }).spec.devices?.[1]?.allowMultipleAllocations, true);
  });

  it('DRAResourceClaimDeviceStatus off drops what drivers tell', () => {
    const store = off('DRAResourceClaimDeviceStatus');
    const made = store.create('resourceclaims', claim('c'));
    const result = { request: 'cpu', driver: 'dra.cpu', pool: 'n1', device: 'd' };
    const { request: _, ...identity } = result;
    const status = { allocation: { devices: { results: [result] } }, devices: [identity] };
    const told = store.update('resourceclaims', { ...made, status }, { subresource: 'status' });
    assert.equal(told.status?.devices, undefined);
    assert.notEqual(told.status?.allocation, undefined);
  });
});
