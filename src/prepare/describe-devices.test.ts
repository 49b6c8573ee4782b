import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { smtMachine } from '../claims/testing/fixtures.ts';
import type { PreparedClaim } from '../claims/prepared-claim.ts';
import { enumerateDevices } from '../devices/device.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { describeDevices } from './describe-devices.ts';

/** Two sockets in one NUMA node (cadvisor#2798); socket 0 has the first threads 0 and 1, socket 1 has 2 and 3. */
function twoSocketsInOneNode(): CpuTopology {
  const machine = smtMachine({ nodes: 2, cores: 2 });
  const [node] = machine.numaNodes;
  assert.ok(node);
  return {
    ...machine,
    cpus: machine.cpus.map((cpu) => ({ ...cpu, numaNode: 0 })),
    numaNodes: [{ ...node, cpus: machine.online }],
  };
}

/** What a container with these CPUs of a NUMA node is told. */
function attributesOf(topology: CpuTopology, cpus: CpuSet, reserved = CpuSet.empty) {
  const devices = enumerateDevices(topology, { kind: 'grouped', groupBy: 'numanode' }, reserved);
  const device = devices.devices[0]?.name ?? '';
  const assignment = { request: 'cpus', pool: 'node-a', device, shareId: undefined, cpus };
  const claim: PreparedClaim = { uid: 'u1', namespace: 'shop', name: 'db', assignments: [assignment], cpus };
  return (
    describeDevices(claim, { driverName: 'dra.cpu', pool: 'node-a', topology, devices })[0]?.devices[0]?.attributes ??
    {}
  );
}

test('describeDevices lists the socket of each CPU and no socket for a NUMA node that spans sockets', () => {
  const attributes = attributesOf(twoSocketsInOneNode(), CpuSet.of(2, 6));
  assert.deepEqual(attributes['dra.cpu/socketIDs'], { ints: [1, 1] });
  assert.ok(!('dra.cpu/socketID' in attributes));
});

test('describeDevices keeps the socket of a NUMA node whose allocatable CPUs are all in it', () => {
  const ofSocket1 = CpuSet.of(2, 3, 6, 7);
  const attributes = attributesOf(twoSocketsInOneNode(), CpuSet.of(0, 4), ofSocket1);
  assert.deepEqual(attributes['dra.cpu/socketID'], { int: 0 });
});

test('describeDevices lists no sockets where the kernel does not number them', () => {
  const machine = smtMachine({ nodes: 1, cores: 2 });
  const unnumbered = { ...machine, cpus: machine.cpus.map((cpu) => ({ ...cpu, socketId: undefined })) };
  const attributes = attributesOf(unnumbered, CpuSet.of(0, 2));
  assert.deepEqual(attributes['dra.cpu/coreIDs'], { ints: [0, 0] });
  assert.ok(!('dra.cpu/socketIDs' in attributes) && !('dra.cpu/socketID' in attributes));
});
