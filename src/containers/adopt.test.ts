import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedQueue } from '../lib/keyed-queue.ts';
import type { ClaimRecord } from '../records/claim-record.ts';
import { Ledger } from '../claims/ledger.ts';
import { allocatedClaim, smtMachine } from '../claims/testing/fixtures.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { enumerateDevices } from '../devices/device.ts';
import { silentLog } from '../lib/log.ts';
import { Adoption } from './adopt.ts';
import { Containers } from './containers.ts';
import { claimEnv, containerFacts } from './testing/fixtures.ts';

const topology = smtMachine({ cores: 4 });
const devices = enumerateDevices(topology, { kind: 'grouped', groupBy: 'numanode' }, CpuSet.empty);
const machine = { driverName: 'dra.cpu', pool: 'node-a', topology, devices };

/** A claim of `cpus` CPUs that pod pod-db may use. */
function claimObject(uid: string, cpus: string, podUid = 'pod-db') {
  const claim = allocatedClaim(uid, [{ device: 'cpudevnuma000', cpus }]);
  return {
    ...claim,
    metadata: { ...(claim.metadata as object), namespace: 'shop' },
    status: { ...(claim.status as object), reservedFor: [{ resource: 'pods', name: 'db', uid: podUid }] },
  };
}

function newNode(objects: Record<string, unknown>) {
  const ledger = new Ledger({ allocatable: devices.allocatable, reserved: CpuSet.empty });
  const containers = new Containers(ledger, silentLog);
  const files: ClaimRecord[] = [];
  const asked: string[] = [];
  const queue = new KeyedQueue();
  const hooks = { afterWrite: async () => {} };
  let failures = 0;
  const adoption = new Adoption(() => machine, ledger, containers, {
    listClaims: async (namespace) => {
      asked.push(namespace);
      if (failures > 0) {
        failures -= 1;
        throw new RangeError('API server away');
      }
      return Object.values(objects);
    },
    records: {
      exclusively: (uid, task) => queue.run(uid, task),
      write: async (record) => {
        files.push(record);
        await hooks.afterWrite();
      },
    },
    onChange: () => {},
    log: silentLog,
  });
  const fail = (times: number) => (failures = times);
  return { ledger, containers, adoption, files, asked, fail, hooks, queue };
}

const never = new AbortController().signal;
const placesOf = (containers: Containers) =>
  Object.fromEntries(containers.decided.map(({ facts, cpus }) => [facts.id, cpus.toString()]));

test('Adoption takes a confirmed claim of a running container over, file and all', async () => {
  const { ledger, containers, adoption, files, asked } = newNode({ u1: claimObject('u1', '2') });
  containers.synchronize([
    containerFacts('db', { env: claimEnv('u1', '1,5'), cpus: '1,5' }),
    containerFacts('web', { cpus: '' }),
  ]);
  await adoption.settle(never);
  assert.deepEqual(asked, ['shop']);
  assert.deepEqual(placesOf(containers), { db: '1,5', web: '0,2-4,6-7' });
  assert.equal(ledger.find('u1')?.cpus.toString(), '1,5');
  assert.deepEqual(
    files.map(({ claim: { uid, cpus, assignments } }) => [uid, cpus.toString(), assignments.length]),
    [['u1', '1,5', 1]],
  );
});

test('Adoption pins a container that was created without the driver', async () => {
  const { containers, adoption } = newNode({ u1: claimObject('u1', '2') });
  assert.equal(
    containers.synchronize([containerFacts('db', { env: claimEnv('u1', '1,5') })])[0]?.cpus.toString(),
    '0-7',
  );
  await adoption.settle(never);
  assert.deepEqual(
    containers.takeDueUpdates().map(({ cpus }) => cpus.toString()),
    ['1,5'],
  );
});

const refusals: [why: string, object: unknown, cpus: string][] = [
  ['that the API server does not have', undefined, '1,5'],
  ['of another pod', claimObject('u1', '2', 'pod-other'), '1,5'],
  [
    'without an allocation',
    { metadata: { name: 'c', namespace: 'shop', uid: 'u1' }, status: { reservedFor: [{ uid: 'pod-db' }] } },
    '1,5',
  ],
  ['of fewer CPUs than the environment says', claimObject('u1', '1'), '1,5'],
  ['of more CPUs than the environment says', claimObject('u1', '4'), '1,5'],
  ['whose CPUs are not of the node', claimObject('u1', '2'), '90-91'],
  ['that would leave no shared CPU', claimObject('u1', '8'), '0-7'],
];
for (const [why, object, cpus] of refusals) {
  test(`Adoption N6: a container naming a claim ${why} is confined`, async () => {
    const { ledger, containers, adoption, files } = newNode({ u1: object });
    containers.synchronize([containerFacts('db', { env: claimEnv('u1', cpus), cpus })]);
    await adoption.settle(never);
    assert.deepEqual([ledger.claims, files, containers.unverified], [[], [], []]);
    assert.deepEqual(placesOf(containers), { db: '0-7' });
  });
}

test('Adoption S16: works on a claim in its turn, so that an Unprepare meanwhile comes after its record', async () => {
  const { ledger, containers, adoption, files, hooks, queue } = newNode({ u1: claimObject('u1', '2') });
  containers.synchronize([containerFacts('db', { env: claimEnv('u1', '1,5'), cpus: '1,5' })]);
  const order: string[] = [];
  hooks.afterWrite = async () => void order.push('recorded');
  const unprepared = queue.run('u1', async () => void order.push('prepared or unprepared'));
  await adoption.settle(never);
  await Promise.all([unprepared, queue.run('u1', async () => void order.push('unprepared'))]);
  assert.deepEqual(order, ['prepared or unprepared', 'recorded', 'unprepared']);
  assert.equal(files.length, 1);
  assert.ok(ledger.find('u1'));
});

test('Adoption S15: completes a claim of a reference driver’s file from the API, and confines a container of another pod', async () => {
  const { ledger, containers, adoption, files } = newNode({ u1: claimObject('u1', '2') });
  const cpus = CpuSet.of(1, 5);
  ledger.adopt({ uid: 'u1', namespace: 'unknown', name: 'u1', assignments: [], cpus });
  containers.synchronize([
    containerFacts('thief', { podUid: 'pod-thief', env: claimEnv('u1', '1,5'), cpus: '1,5' }),
    containerFacts('db', { env: claimEnv('u1', '1,5'), cpus: '1,5' }),
  ]);
  await adoption.settle(never);
  const claim = ledger.find('u1');
  assert.deepEqual(
    [claim?.namespace, claim?.name, claim?.users?.pods],
    ['shop', 'claim-u1', [{ name: 'db', uid: 'pod-db' }]],
  );
  assert.equal(claim?.assignments[0]?.device, 'cpudevnuma000');
  assert.equal(files[0]?.claim.assignments.length, 1);
  assert.deepEqual(placesOf(containers), { thief: '0,2-4,6-7', db: '1,5' });
});

test('Adoption asks once for the claims of a namespace, however many containers want to know', async () => {
  const { containers, adoption, asked } = newNode({ u1: claimObject('u1', '2'), u2: claimObject('u2', '1', 'pod-2') });
  containers.synchronize([
    containerFacts('db', { env: claimEnv('u1', '1,5'), cpus: '1,5' }),
    containerFacts('second', { podUid: 'pod-2', env: claimEnv('u2', '6'), cpus: '6' }),
    containerFacts('other', { podNamespace: 'bar', env: claimEnv('u3', '7'), cpus: '7' }),
  ]);
  await adoption.settle(never);
  assert.deepEqual(asked, ['shop', 'bar']);
  assert.deepEqual(placesOf(containers), { db: '1,5', second: '6', other: '0,2-4,7' });
});

test('Adoption gives CPUs of another claim to nobody twice', async () => {
  const { ledger, containers, adoption } = newNode({ u1: claimObject('u1', '2'), u2: claimObject('u2', '2', 'pod-2') });
  containers.synchronize([
    containerFacts('db', { env: claimEnv('u1', '1,5'), cpus: '1,5' }),
    containerFacts('second', { podUid: 'pod-2', env: claimEnv('u2', '5-6'), cpus: '5-6' }),
  ]);
  await adoption.settle(never);
  assert.deepEqual(
    ledger.claims.map(({ uid }) => uid),
    ['u1'],
  );
  assert.deepEqual(placesOf(containers), { db: '1,5', second: '0,2-4,6-7' });
});

test('Adoption asks again while the API server is away, and until it is stopped', async () => {
  const { ledger, containers, adoption, fail } = newNode({ u1: claimObject('u1', '2') });
  containers.synchronize([containerFacts('db', { env: claimEnv('u1', '1,5'), cpus: '1,5' })]);
  fail(1);
  await adoption.settle(never);
  assert.equal(ledger.claims.length, 1);
  containers.synchronize([containerFacts('other', { podUid: 'pod-db', env: claimEnv('u9', '2'), cpus: '2' })]);
  fail(1000);
  const abort = new AbortController();
  const settled = adoption.settle(abort.signal);
  assert.equal(adoption.settle(abort.signal), settled);
  abort.abort();
  await settled;
  assert.equal(containers.unverified.length, 1);
});

test('Adoption takes nothing over any more when the answer comes after it was stopped', async () => {
  const { ledger, containers, adoption, files, asked } = newNode({ u1: claimObject('u1', '2') });
  containers.synchronize([containerFacts('db', { env: claimEnv('u1', '1,5'), cpus: '1,5' })]);
  const abort = new AbortController();
  const settled = adoption.settle(abort.signal);
  assert.equal(asked.length, 1);
  abort.abort();
  await settled;
  assert.deepEqual([files.length, ledger.claims.length, containers.unverified.length], [0, 0, 1]);
});

test('Adoption binds the memory of a container whose claim asks for it, and records it', async () => {
  const object = claimObject('u1', '2');
  const { allocation } = object.status as unknown as { allocation: { devices: Record<string, unknown> } };
  const parameters = { apiVersion: 'v1alpha1', cpuConfig: { memoryNodes: 'local' } };
  allocation.devices['config'] = [{ source: 'FromClaim', opaque: { driver: 'dra.cpu', parameters } }];
  const { containers, adoption, files } = newNode({ u1: object });
  containers.synchronize([containerFacts('db', { env: claimEnv('u1', '1,5'), cpus: '1,5' })]);
  await adoption.settle(never);
  assert.deepEqual(
    containers.takeDueUpdates().map(({ cpus, memoryNodes }) => `${cpus} memory ${memoryNodes}`),
    ['1,5 memory 0'],
  );
  assert.deepEqual(
    files.map(({ claim }) => claim.memoryNodes?.toString()),
    ['0'],
  );
});
