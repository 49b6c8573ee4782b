import assert from 'node:assert/strict';
import { test } from 'node:test';
import { smtMachine } from '../claims/testing/fixtures.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { type DeviceMode, enumerateDevices } from './device.ts';
import { toSliceDevice } from './slice-device.ts';

const grouped = (groupBy: 'numanode' | 'socket' | 'machine' | 'l3cache'): DeviceMode => ({ kind: 'grouped', groupBy });
const summary = (topology: CpuTopology, mode: DeviceMode, reserved = CpuSet.empty) =>
  enumerateDevices(topology, mode, reserved).devices.map((device) => `${device.name}=${device.cpus.toString()}`);

test('enumerateDevices groups CPUs by node, socket, L3 cache and machine', () => {
  const machine = smtMachine({ nodes: 2, cores: 2 });
  assert.deepEqual(summary(machine, grouped('numanode')), ['cpudevnuma000=0-1,4-5', 'cpudevnuma001=2-3,6-7']);
  assert.deepEqual(summary(machine, grouped('socket')), ['cpudevsocket000=0-1,4-5', 'cpudevsocket001=2-3,6-7']);
  assert.deepEqual(summary(machine, grouped('l3cache')), ['cpudevl3cache000=0-1,4-5', 'cpudevl3cache001=2-3,6-7']);
  assert.deepEqual(summary(machine, grouped('machine')), ['cpudevmachine=0-7']);
});

test('enumerateDevices puts the threads of a core next to each other in individual mode', () => {
  assert.deepEqual(summary(smtMachine({ cores: 2 }), { kind: 'individual' }), [
    'cpudev000=0',
    'cpudev001=2',
    'cpudev002=1',
    'cpudev003=3',
  ]);
});

test('enumerateDevices T11: reserved CPUs are in no device, and a group left empty is not published', () => {
  const machine = smtMachine({ nodes: 2, cores: 2 });
  assert.deepEqual(summary(machine, grouped('numanode'), CpuSet.of(0, 4)), [
    'cpudevnuma000=1,5',
    'cpudevnuma001=2-3,6-7',
  ]);
  assert.deepEqual(summary(machine, grouped('numanode'), CpuSet.of(0, 1, 4, 5)), ['cpudevnuma001=2-3,6-7']);
  assert.deepEqual(summary(smtMachine({ cores: 2 }), { kind: 'individual' }, CpuSet.of(0)), [
    'cpudev000=1',
    'cpudev001=3',
    'cpudev002=2',
  ]);
});

test('enumerateDevices T8: huge, missing and negative package ids give valid unique names', () => {
  const machine = smtMachine({ nodes: 3, cores: 1 });
  const ids = [0, 268435456, undefined];
  const odd = { ...machine, sockets: machine.sockets.map((socket, index) => ({ ...socket, socketId: ids[index] })) };
  const names = enumerateDevices(odd, grouped('socket'), CpuSet.empty).devices.map((device) => device.name);
  assert.deepEqual(names, ['cpudevsocket000', 'cpudevsocket001', 'cpudevsocket002']);
});

test('toSliceDevice publishes a NUMA node as the reference driver does', () => {
  const machine = smtMachine({ nodes: 2, cores: 2 });
  const [, second] = enumerateDevices(machine, grouped('numanode'), CpuSet.empty).devices;
  assert.ok(second);
  assert.deepEqual(toSliceDevice(second, machine, { exposePcieRoots: true }), {
    name: 'cpudevnuma001',
    attributes: {
      'resource.kubernetes.io/numaNode': { int: 1 },
      'dra.cpu/numaNodeID': { int: 1 },
      'dra.net/numaNode': { int: 1 },
      'dra.cpu/socketID': { int: 1 },
      'dra.cpu/smtEnabled': { bool: true },
      'dra.cpu/numCPUs': { int: 4 },
    },
    capacity: { 'dra.cpu/cpu': { value: '4' } },
    allowMultipleAllocations: true,
  });
});

test('toSliceDevice leaves out what the kernel does not tell and adds PCIe roots only when asked', () => {
  const machine = smtMachine({ cores: 1 });
  const bare = {
    ...machine,
    l3Caches: [],
    cpus: machine.cpus.map((cpu) => ({ ...cpu, l3Cache: undefined, coreId: undefined, socketId: undefined })),
  };
  const [first] = enumerateDevices(bare, { kind: 'individual' }, CpuSet.empty).devices;
  assert.ok(first);
  const attributes = Object.keys(toSliceDevice(first, bare, { exposePcieRoots: false }).attributes).sort();
  assert.deepEqual(attributes, [
    'dra.cpu/coreType',
    'dra.cpu/cpuID',
    'dra.cpu/numaNodeID',
    'dra.cpu/smtEnabled',
    'dra.net/numaNode',
    'resource.kubernetes.io/numaNode',
  ]);
  assert.deepEqual(
    toSliceDevice(first, bare, { exposePcieRoots: true }).attributes['resource.kubernetes.io/pcieRoot'],
    {
      strings: ['pci0000:00'],
    },
  );
});
