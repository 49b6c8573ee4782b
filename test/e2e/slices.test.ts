import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { V1Device } from '@kubernetes/client-node';
import { Cluster, DRIVER } from './support/cluster.ts';
import { attribute, countCpus, type DeviceMode } from './support/device-mode.ts';
import { skipSuite } from './support/settings.ts';

/** Attributes every device has, with the JavaScript type of their values. */
const ATTRIBUTES: Readonly<Record<DeviceMode, Readonly<Record<string, string>>>> = {
  individual: {
    'dra.cpu/cpuID': 'number',
    'dra.cpu/coreID': 'number',
    'dra.cpu/socketID': 'number',
    'dra.cpu/coreType': 'string',
    'dra.cpu/smtEnabled': 'boolean',
  },
  numanode: {
    'dra.cpu/numaNodeID': 'number',
    'dra.cpu/socketID': 'number',
    'dra.cpu/numCPUs': 'number',
    'dra.cpu/smtEnabled': 'boolean',
  },
  socket: { 'dra.cpu/socketID': 'number', 'dra.cpu/numCPUs': 'number', 'dra.cpu/smtEnabled': 'boolean' },
  machine: { 'dra.cpu/numCPUs': 'number', 'dra.cpu/smtEnabled': 'boolean' },
  l3cache: { 'dra.cpu/cacheL3ID': 'number', 'dra.cpu/numCPUs': 'number', 'dra.cpu/smtEnabled': 'boolean' },
};

describe('ResourceSlices', { skip: skipSuite }, () => {
  let cluster: Cluster;
  let mode: DeviceMode;
  let devices: V1Device[];
  before(async () => {
    cluster = await Cluster.connect();
    mode = await cluster.deviceMode();
    devices = await cluster.devices();
    console.log(`node ${cluster.nodeName}, mode ${mode}, ${countCpus(mode, devices)} CPUs can be claimed`);
  });

  it('are complete, of one generation, and named uniquely', async () => {
    const slices = await cluster.slices();
    for (const { spec } of slices) {
      assert.equal(spec.driver, DRIVER);
      assert.equal(spec.nodeName, cluster.nodeName);
      assert.equal(spec.pool.resourceSliceCount, slices.length);
    }
    assert.equal(new Set(devices.map(({ name }) => name)).size, devices.length);
  });

  it('belong to the node, so that they go with it', async () => {
    const node = await cluster.core.readNode({ name: cluster.nodeName });
    for (const { metadata } of await cluster.slices()) {
      assert.deepEqual(
        metadata?.ownerReferences?.map(({ kind, uid }) => ({ kind, uid })),
        [{ kind: 'Node', uid: node.metadata?.uid }],
      );
    }
  });

  it('show the mode that was asked for', (t) => {
    const { deviceMode, groupBy } = cluster.settings;
    if (deviceMode === undefined && groupBy === undefined) return t.skip('DRACPU_E2E_CPU_DEVICE_MODE is not set');
    if (deviceMode !== undefined) assert.equal(mode === 'individual' ? mode : 'grouped', deviceMode);
    if (groupBy !== undefined && mode !== 'individual') assert.equal(mode, groupBy);
  });

  it('have every CPU of the node but the reserved ones', async () => {
    const node = await cluster.core.readNode({ name: cluster.nodeName });
    const reserved = cluster.settings.reservedCpus.size;
    assert.equal(countCpus(mode, devices), Number(node.status?.capacity?.cpu) - reserved);
  });

  it('have the attributes of their mode', () => {
    for (const device of devices) {
      for (const [name, type] of Object.entries(ATTRIBUTES[mode])) {
        assert.equal(typeof attribute(device, name), type, `${name} of ${device.name}`);
      }
    }
  });

  it('let claims share a group but not a CPU', () => {
    for (const device of devices) {
      assert.equal(device.allowMultipleAllocations ?? false, mode !== 'individual', device.name);
      if (mode === 'individual') continue;
      assert.equal(Number(device.capacity?.['dra.cpu/cpu']?.value), attribute(device, 'dra.cpu/numCPUs'));
    }
  });
});
