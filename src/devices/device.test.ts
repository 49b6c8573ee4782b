import assert from 'node:assert/strict';
import { test } from 'node:test';
import { smtMachine } from '../claims/testing/fixtures.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { newCluster, slice } from '../../embedded/apiserver/testing/cluster.ts';
import { allocateClaims } from '../resource-api/allocation/allocate.ts';
import { exactly, problemOf } from '../resource-api/allocation/testing/problems.ts';
import { type DeviceMode, enumerateDevices, withoutDevices } from './device.ts';
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

test('enumerateDevices names sockets apart whose package ids repeat', () => {
  const machine = smtMachine({ nodes: 4, cores: 1 });
  const ids = [0, 0, 1, 1];
  const odd = { ...machine, sockets: machine.sockets.map((socket, index) => ({ ...socket, socketId: ids[index] })) };
  const names = enumerateDevices(odd, grouped('socket'), CpuSet.empty).devices.map((device) => device.name);
  assert.deepEqual(names, ['cpudevsocket000', 'cpudevsocket002', 'cpudevsocket001', 'cpudevsocket003']);
});

test('enumerateDevices T7: an L3 cache without an id is told apart by its lowest CPU, as in the reference', () => {
  const machine = smtMachine({ nodes: 2, cores: 2 });
  const unnamed = { ...machine, l3Caches: machine.l3Caches.map((l3) => ({ ...l3, l3CacheId: undefined })) };
  const idsOf = (mode: DeviceMode) =>
    enumerateDevices(unnamed, mode, CpuSet.empty).devices.map((device) =>
      'l3CacheId' in device ? device.l3CacheId : 'none',
    );
  assert.deepEqual(idsOf(grouped('l3cache')), [0, 2]);
  assert.deepEqual(idsOf({ kind: 'individual' }), [0, 0, 0, 0, 2, 2, 2, 2]);
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
    capacity: {
      'dra.cpu/cpu': { value: '4', requestPolicy: { default: '1', validRange: { min: '1', step: '1' } } },
    },
    allowMultipleAllocations: true,
  });
});

test('enumerateDevices with fullPhysicalCores gives whole cores only, in steps of their threads', () => {
  const machine = smtMachine({ nodes: 2, cores: 2 });
  const { devices, sharedOnly, allocatable } = enumerateDevices(machine, grouped('numanode'), CpuSet.of(0), {
    fullPhysicalCores: true,
  });
  assert.deepEqual(
    devices.map(({ cpus, step }) => [cpus.toString(), step]),
    [
      ['1,5', 2],
      ['2-3,6-7', 2],
    ],
  );
  assert.deepEqual([allocatable.toString(), sharedOnly.toString()], ['1-3,5-7', '4']);
});

test('enumerateDevices steps by 1 where the cores of a device have different numbers of threads', () => {
  const machine = smtMachine({ cores: 2 });
  const hybrid = {
    ...machine,
    cores: machine.cores.map((core) => (core.core === 0 ? core : { ...core, cpus: CpuSet.of(1) })),
  };
  const online = CpuSet.of(0, 1, 2);
  const [device] = enumerateDevices({ ...hybrid, online }, grouped('machine'), CpuSet.empty, {
    fullPhysicalCores: true,
  }).devices;
  assert.equal(device?.step, 1);
});

test('enumerateDevices leaves out CPUs that containers of pods cannot have (issue 13, line 11)', () => {
  const machine = smtMachine({ nodes: 2, cores: 2 });
  const limited = { podCpus: CpuSet.of(1, 2, 3, 5, 6, 7) };
  const { devices, outside, sharedOnly, allocatable } = enumerateDevices(
    machine,
    grouped('numanode'),
    CpuSet.of(1),
    limited,
  );
  assert.deepEqual(
    devices.map(({ name, cpus }) => `${name} ${cpus}`),
    ['cpudevnuma000 5', 'cpudevnuma001 2-3,6-7'],
  );
  assert.deepEqual([outside, sharedOnly, allocatable].map(String), ['0,4', '', '2-3,5-7']);
  const whole = enumerateDevices(machine, grouped('machine'), CpuSet.empty, { ...limited, fullPhysicalCores: true });
  assert.equal(whole.allocatable.toString(), '1-3,5-7');
  const kept = enumerateDevices(machine, grouped('machine'), CpuSet.empty, { ...limited, sharedPoolMinCpus: 2 });
  assert.deepEqual([kept.sharedOnly, kept.allocatable].map(String), ['1,5', '2-3,6-7']);
  assert.deepEqual(enumerateDevices(machine, grouped('machine'), CpuSet.empty, { podCpus: CpuSet.empty }).devices, []);
  const none = withoutDevices(machine, grouped('machine'), CpuSet.empty, limited);
  assert.deepEqual([none.outside, none.sharedOnly].map(String), ['0,4', '1-3,5-7']);
});

test('enumerateDevices gives single CPUs the names that they have without a limit', () => {
  const machine = smtMachine({ cores: 4 });
  const namesOf = (podCpus: CpuSet | undefined) =>
    enumerateDevices(machine, { kind: 'individual' }, CpuSet.of(0), { podCpus }).devices.map(
      ({ name, cpus }) => `${name} is ${cpus}`,
    );
  const all = namesOf(undefined);
  const limited = namesOf(CpuSet.of(2, 3, 6));
  assert.equal(limited.length, 3);
  assert.deepEqual(
    limited,
    all.filter((text) => limited.includes(text)),
  );
});

test('enumerateDevices keeps sharedPoolMinCpus in whole cores, those that reserved CPUs cut first', () => {
  const machine = smtMachine({ nodes: 2, cores: 4 });
  const sharedOnly = (reserved: CpuSet, sharedPoolMinCpus: number) =>
    enumerateDevices(machine, grouped('numanode'), reserved, { sharedPoolMinCpus }).sharedOnly.toString();
  assert.equal(sharedOnly(CpuSet.empty, 0), '');
  assert.equal(sharedOnly(CpuSet.empty, 1), '0,8');
  assert.equal(sharedOnly(CpuSet.empty, 3), '0-1,8-9');
  assert.equal(sharedOnly(CpuSet.of(2), 1), '10');
  assert.equal(sharedOnly(CpuSet.of(2), 2), '0,8,10');
  const { devices } = enumerateDevices(machine, grouped('numanode'), CpuSet.empty, { sharedPoolMinCpus: 2 });
  assert.deepEqual(
    devices.map(({ cpus }) => cpus.size),
    [6, 8],
  );
  assert.throws(() => sharedOnly(CpuSet.range(0, 7), 8), {
    code: 'SharedPoolTooLarge',
    message: /^Cannot keep 8 CPUs .*\(sharedPoolMinCPUs\): 8 CPUs are left \(8-15\)/,
  });
});

test('toSliceDevice P3: a request policy makes nothing asked for one step, and rounds up to steps', () => {
  const policyOf = (topology: CpuTopology, reserved: CpuSet, fullPhysicalCores: boolean) => {
    const [device] = enumerateDevices(topology, grouped('machine'), reserved, { fullPhysicalCores }).devices;
    assert.ok(device);
    return toSliceDevice(device, topology, { exposePcieRoots: false }).capacity?.['dra.cpu/cpu'];
  };
  const machine = smtMachine({ cores: 2 });
  assert.deepEqual(policyOf(machine, CpuSet.empty, true), {
    value: '4',
    requestPolicy: { default: '2', validRange: { min: '2', step: '2' } },
  });
  // One step is all there is: the API server refuses a range that a first step leaves.
  assert.deepEqual(policyOf(machine, CpuSet.of(0), true), {
    value: '2',
    requestPolicy: { default: '2', validValues: ['2'] },
  });
  assert.deepEqual(policyOf(machine, CpuSet.of(0, 1, 2), false), {
    value: '1',
    requestPolicy: { default: '1', validValues: ['1'] },
  });
});

test('toSliceDevice maps devices to the node’s cpu as the reference does (KEP-5517), when asked to', () => {
  const machine = smtMachine({ cores: 1 });
  const mappingOf = (mode: DeviceMode) => {
    const [device] = enumerateDevices(machine, mode, CpuSet.empty).devices;
    assert.ok(device);
    return toSliceDevice(device, machine, { exposePcieRoots: false, publishNodeAllocatable: true })
      .nodeAllocatableResources;
  };
  assert.deepEqual(mappingOf(grouped('numanode')), {
    cpu: { mapping: { capacityKey: 'dra.cpu/cpu', capacityMultiplier: '1' } },
  });
  assert.deepEqual(mappingOf({ kind: 'individual' }), { cpu: { mapping: { deviceMultiplier: '1' } } });
});

for (const mode of [
  { kind: 'individual' },
  ...(['numanode', 'socket', 'machine', 'l3cache'] as const).map(grouped),
] satisfies DeviceMode[]) {
  for (const fullPhysicalCores of [false, true]) {
    const title = `${mode.kind === 'grouped' ? mode.groupBy : mode.kind}${fullPhysicalCores ? ' in whole cores' : ''}`;
    test(`toSliceDevice makes devices that the API server takes as they are: ${title}`, () => {
      const machine = smtMachine({ nodes: 2, cores: 2 });
      const { devices } = enumerateDevices(machine, mode, CpuSet.of(0), { fullPhysicalCores });
      const sent = devices.map((device) =>
        toSliceDevice(device, machine, { exposePcieRoots: true, publishNodeAllocatable: true }),
      );
      const stored = newCluster().create('resourceslices', slice('node-a', sent));
      assert.deepEqual((stored['spec'] as { devices: unknown }).devices, sent);
    });
  }
}

test('enumerateDevices S7: a node of 512 CPUs has fewer than 16 devices in grouped mode', () => {
  const machine = smtMachine({ nodes: 8, cores: 32 });
  assert.equal(machine.online.size, 512);
  for (const groupBy of ['numanode', 'socket', 'machine'] as const) {
    assert.ok(enumerateDevices(machine, grouped(groupBy), CpuSet.empty).devices.length < 16);
  }
});

test('toSliceDevice S6: no device shares counters with another, in any mode', () => {
  const machine = smtMachine({ nodes: 2, cores: 2 });
  const modes: DeviceMode[] = [
    { kind: 'individual' },
    ...(['numanode', 'socket', 'l3cache', 'machine'] as const).map(grouped),
  ];
  for (const mode of modes) {
    for (const device of enumerateDevices(machine, mode, CpuSet.empty).devices) {
      const keys = Object.keys(toSliceDevice(device, machine, { exposePcieRoots: true }));
      assert.deepEqual(
        keys.filter((key) => !['name', 'attributes', 'capacity', 'allowMultipleAllocations'].includes(key)),
        [],
      );
    }
  }
});

test('toSliceDevice tells no NUMA node and no socket of an L3 cache that serves several', () => {
  const machine = smtMachine({ nodes: 2, cores: 1 });
  const [l3] = machine.l3Caches;
  assert.ok(l3);
  const wide = { ...machine, l3Caches: [{ ...l3, cpus: machine.online }] };
  const attributesOf = (topology: CpuTopology) =>
    enumerateDevices(topology, grouped('l3cache'), CpuSet.empty).devices.map((device) =>
      Object.keys(toSliceDevice(device, topology, { exposePcieRoots: false }).attributes),
    )[0];
  assert.ok(attributesOf(machine)?.includes('resource.kubernetes.io/numaNode'));
  assert.deepEqual(attributesOf(wide), ['dra.cpu/cacheL3ID', 'dra.cpu/smtEnabled', 'dra.cpu/numCPUs']);
});

test('toSliceDevice publishes the union of the PCIe roots of a group', () => {
  const machine = smtMachine({ nodes: 2, cores: 1 });
  const pcieRoots = [
    { pcieRoot: 'pci0000:80', cpus: CpuSet.of(1, 3), numaNode: 1 },
    { pcieRoot: 'pci0000:00', cpus: CpuSet.of(0, 2), numaNode: 0 },
  ];
  const rootsOf = (mode: DeviceMode) => {
    const { devices } = enumerateDevices({ ...machine, pcieRoots }, mode, CpuSet.empty);
    return devices.map((device) => {
      const { attributes } = toSliceDevice(device, { ...machine, pcieRoots }, { exposePcieRoots: true });
      return attributes['resource.kubernetes.io/pcieRoot'];
    });
  };
  assert.deepEqual(rootsOf(grouped('machine')), [{ strings: ['pci0000:00', 'pci0000:80'] }]);
  assert.deepEqual(rootsOf(grouped('socket')), [{ strings: ['pci0000:00'] }, { strings: ['pci0000:80'] }]);
});

test('toSliceDevice publishes no more PCIe roots than the API server takes', () => {
  const machine = smtMachine({ nodes: 2, cores: 1 });
  const pcieRoots = Array.from({ length: 60 }, (_, bus) => ({
    pcieRoot: `pci0000:${(bus + 16).toString(16)}`,
    cpus: machine.online,
    numaNode: undefined,
  }));
  for (const mode of [grouped('machine'), grouped('numanode'), { kind: 'individual' } as const]) {
    const [device] = enumerateDevices({ ...machine, pcieRoots }, mode, CpuSet.empty).devices;
    assert.ok(device);
    const { attributes } = toSliceDevice(device, { ...machine, pcieRoots }, { exposePcieRoots: true });
    const values = Object.values(attributes).flatMap((attribute) => Object.values(attribute).flat());
    assert.equal(values.length, 48);
    assert.ok(values.includes('pci0000:10'));
  }
});

test('toSliceDevice: matchAttribute on PCIe roots brings CPUs and another driver’s device together, in groups and single', () => {
  const machine = smtMachine({ nodes: 2, cores: 1 });
  const pcieRoots = [
    { pcieRoot: 'pci0000:00', cpus: CpuSet.of(0, 2), numaNode: 0 },
    { pcieRoot: 'pci0000:80', cpus: CpuSet.of(1, 3), numaNode: 1 },
  ];
  const card = { name: 'nic0', attributes: { 'resource.kubernetes.io/pcieRoot': { strings: ['pci0000:80'] } } };
  const selectors = [{ cel: { expression: '!has(device.attributes["dra.cpu"].smtEnabled)' } }];
  const constraints = [{ requests: ['cpus', 'card'], matchAttribute: 'resource.kubernetes.io/pcieRoot' }];
  const ofCpus = [{ cel: { expression: 'has(device.attributes["dra.cpu"].smtEnabled)' } }];
  const requests = [exactly('cpus', { selectors: ofCpus }), exactly('card', { selectors })];
  const decide = (mode: DeviceMode) => {
    const { devices } = enumerateDevices({ ...machine, pcieRoots }, mode, CpuSet.empty);
    const published = devices.map((device) =>
      toSliceDevice(device, { ...machine, pcieRoots }, { exposePcieRoots: true }),
    );
    const outcome = allocateClaims(problemOf([...published, card], requests, { constraints }));
    if (outcome.kind === 'refused') return outcome.reason;
    return outcome.allocations[0]?.devices.results?.map(({ device }) => device);
  };
  assert.deepEqual(decide(grouped('numanode')), ['cpudevnuma001', 'nic0']);
  assert.deepEqual(decide({ kind: 'individual' }), ['cpudev002', 'nic0']);
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

test('enumerateDevices publishes no socket for a NUMA node that spans sockets', () => {
  const machine = smtMachine({ nodes: 2, cores: 1 });
  const [node] = machine.numaNodes;
  assert.ok(node);
  const wide = { ...machine, numaNodes: [{ ...node, cpus: machine.online }] };
  const socketOf = (topology: CpuTopology, reserved = CpuSet.empty) => {
    const [device] = enumerateDevices(topology, grouped('numanode'), reserved).devices;
    assert.ok(device);
    return toSliceDevice(device, topology, { exposePcieRoots: false }).attributes['dra.cpu/socketID'];
  };
  assert.deepEqual(socketOf(machine), { int: 0 });
  assert.equal(socketOf(wide), undefined);
  assert.deepEqual(socketOf(wide, CpuSet.of(1, 3)), { int: 0 }, 'all CPUs left are of socket 0');
});
