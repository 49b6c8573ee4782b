import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClaimUsers, readClaimUsers, readNewUsers } from '../claims/claim-object.ts';
import { Ledger } from '../claims/ledger.ts';
import type { PreparedClaim } from '../claims/prepared-claim.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { silentLog } from '../lib/log.ts';
import { Containers } from './containers.ts';
import { claimEnv, containerFacts, preparedClaim } from './testing/fixtures.ts';

/** Claim u1 with CPUs 2-3 for pod pod-db, and containers that ask for it. */
function newNode({ podUids = ['pod-db'], users }: { podUids?: readonly string[]; users?: ClaimUsers } = {}) {
  const ledger = new Ledger({ allocatable: CpuSet.range(0, 7), reserved: CpuSet.empty });
  const claim: PreparedClaim = { ...preparedClaim('u1', '2-3', { podUids }), ...(users && { users }) };
  ledger.reserve(claim);
  const owned: string[] = [];
  const doubted: string[] = [];
  const newContainers = () =>
    new Containers(ledger, silentLog, { onOwned: (uid) => owned.push(uid), onDoubt: (uid) => doubted.push(uid) });
  return { ledger, containers: newContainers(), newContainers, owned, doubted };
}

const env = claimEnv('u1', '2-3');
const rightful = (id = 'db', facts = {}) => containerFacts(id, { podUid: 'pod-db', env, ...facts });
const thief = (facts = {}) => containerFacts('thief', { podUid: 'pod-thief', env, ...facts });
const placesOf = (containers: Containers) =>
  Object.fromEntries(containers.decided.map(({ facts, cpus }) => [facts.id, cpus.toString()]));

test('S1: a pod of the same namespace that names the claim is refused before, beside and after the owner', () => {
  const { containers, owned, doubted } = newNode();
  assert.throws(() => containers.create(thief()), {
    code: 'NotReserved',
    message: /claim shop\/u1, which is reserved for pod pod-db; remove the variable from the pod/,
  });
  assert.equal(String(containers.create(rightful()).cpus), '2-3');
  assert.throws(() => containers.create(thief()), { code: 'NotReserved' });
  containers.remove('db');
  assert.throws(() => containers.create(thief()), { code: 'NotReserved' });
  containers.podEnded('pod-db');
  assert.throws(() => containers.create(thief()), { code: 'NotReserved' });
  assert.equal(String(containers.create(rightful('again')).cpus), '2-3', 'in a new sandbox of its pod');
  assert.deepEqual(owned, ['u1'], 'the owner is recorded once');
  assert.ok(doubted.every((uid) => uid === 'u1') && doubted.length >= 4, 'the API server is asked');
});

test('S1: a pod with a claim of its own that names another one as well gets neither', () => {
  const { ledger, containers } = newNode();
  ledger.reserve(preparedClaim('own', '5', { podUids: ['pod-thief'] }));
  const both = [...claimEnv('own', '5'), ...env];
  assert.throws(() => containers.create(thief({ env: both })), { code: 'NotReserved' });
  assert.equal(ledger.ownerOf('own'), undefined);
});

for (const order of ['thief first', 'owner first'] as const) {
  test(`S1: Synchronize serves the rightful container and confines the other, ${order}`, () => {
    const { containers } = newNode();
    const list = [thief({ cpus: '2-3' }), rightful('db', { cpus: '2-3' })];
    containers.synchronize(order === 'thief first' ? list : list.toReversed());
    assert.deepEqual(placesOf(containers), { thief: '0-1,4-7', db: '2-3' });
  });
}

test('S1: of several containers of the claim’s pod the recorded owner wins, in whatever order the list comes', () => {
  for (const isReversed of [false, true]) {
    const { ledger, containers, newContainers } = newNode();
    containers.create(rightful('db', { name: 'main' }));
    assert.equal(ledger.ownerOf('u1')?.containerName, 'main');
    const list = [rightful('side', { name: 'side', cpus: '' }), rightful('db2', { name: 'main', cpus: '' })];
    const restarted = newContainers();
    restarted.synchronize(isReversed ? list.toReversed() : list);
    assert.deepEqual(placesOf(restarted), { side: '0-1,4-7', db2: '2-3' });
  }
});

test('S1: a driver that restarts while the owner is between two restarts keeps the claim for it', () => {
  const { ledger, newContainers } = newNode();
  newContainers().create(rightful('db', { name: 'main' }));
  const restarted = newContainers();
  restarted.synchronize([], new Set());
  assert.equal(ledger.ownerOf('u1')?.podUid, 'pod-db', 'although its sandbox is gone');
  assert.throws(() => restarted.create(rightful('side', { name: 'side' })), { code: 'ClaimInUse' });
  assert.equal(String(restarted.create(rightful('db2', { name: 'main' })).cpus), '2-3');
});

test('S1: a container whose pod the runtime does not report is nobody’s', () => {
  const { containers } = newNode();
  containers.synchronize([containerFacts('db', { podUid: 'sandbox-1', podNamespace: '', env, cpus: '2-3' })]);
  assert.deepEqual(placesOf(containers), { db: '0-1,4-7' });
});

test('S2: a claim of a PodGroup serves pods of its namespace, one after the other, and no other', () => {
  const { containers } = newNode({ users: { pods: [], others: true } });
  assert.throws(() => containers.create(thief({ podNamespace: 'elsewhere' })), { code: 'ClaimMismatch' });
  assert.equal(String(containers.create(containerFacts('rank-0', { podUid: 'pod-0', env })).cpus), '2-3');
  assert.throws(() => containers.create(containerFacts('rank-1', { podUid: 'pod-1', env })), { code: 'ClaimInUse' });
  containers.remove('rank-0');
  containers.podEnded('pod-0');
  assert.equal(String(containers.create(containerFacts('rank-1', { podUid: 'pod-1', env })).cpus), '2-3');
});

test('S2: after a wipe and a restart a running container of a PodGroup’s claim is served again', () => {
  const { containers } = newNode({ users: { pods: [], others: true } });
  containers.synchronize([containerFacts('rank-0', { podUid: 'pod-0', env, cpus: '2-3' })]);
  assert.deepEqual(placesOf(containers), { 'rank-0': '2-3' });
});

test('A pod for which a claim was reserved later is served once the API server was asked', () => {
  const { ledger, containers, doubted } = newNode();
  containers.create(rightful());
  containers.remove('db');
  const later = () => containers.create(containerFacts('next', { podUid: 'pod-next', env }));
  assert.throws(later, { code: 'NotReserved' });
  assert.deepEqual(doubted, ['u1']);
  const claim = ledger.find('u1');
  assert.ok(claim);
  ledger.update({ ...claim, users: { pods: [{ name: 'next', uid: 'pod-next' }], others: false } });
  assert.equal(String(later().cpus), '2-3');
});

test('A claim that is not confirmed yet is refused at creation, and kept for who runs on it', () => {
  const ledger = new Ledger({ allocatable: CpuSet.range(0, 7), reserved: CpuSet.empty });
  ledger.adopt({ uid: 'u1', namespace: 'unknown', name: 'u1', assignments: [], cpus: CpuSet.of(2, 3) });
  const containers = new Containers(ledger, silentLog);
  assert.throws(() => containers.create(rightful()), { code: 'NotConfirmed' });
  containers.synchronize([rightful('db', { cpus: '2-3' }), rightful('second', { cpus: '2-3' })]);
  assert.deepEqual(placesOf(containers), { db: '2-3', second: '0-1,4-7' });
});

test('S6: a container that was being created while the driver synchronised is taken in at its first event', () => {
  const { containers } = newNode();
  containers.synchronize([]);
  assert.equal(containers.started(containerFacts('web')), false);
  assert.equal(containers.started(rightful()), false);
  assert.equal(containers.started(thief()), false);
  assert.deepEqual(placesOf(containers), { web: '0-1,4-7', db: '2-3', thief: '0-1,4-7' });
  assert.equal(containers.dueUpdates.length, 3);
  assert.equal(containers.started(containerFacts('web')), true);
});

test('readClaimUsers: of a template the owner alone, else the pods it is reserved for, else the namespace', () => {
  const pod = (uid: string) => ({ resource: 'pods', name: uid, uid });
  const object = (reservedFor: unknown, ownerReferences?: unknown) => ({
    metadata: { ownerReferences },
    status: { reservedFor },
  });
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'a', uid: 'a', controller: true };
  assert.deepEqual(readClaimUsers(object([pod('a'), pod('b')], [owner])), {
    pods: [{ name: 'a', uid: 'a' }],
    others: false,
  });
  assert.deepEqual(
    readClaimUsers(object([pod('a')], [{ ...owner, kind: 'PodGroup', apiVersion: 'x/v1' }])).others,
    false,
  );
  assert.deepEqual(readClaimUsers(object([pod('a'), pod('b')])).pods.length, 2);
  const group = { apiGroup: 'scheduling.k8s.io', resource: 'podgroups', name: 'g', uid: 'g' };
  assert.deepEqual(readClaimUsers(object([group])), { pods: [], others: true });
  assert.deepEqual(readClaimUsers(object([pod('a'), group])).others, true);
  assert.deepEqual(readClaimUsers(object([{ ...pod('a'), apiGroup: 'evil.example' }])), { pods: [], others: true });
  assert.deepEqual(readClaimUsers(object([])), { pods: [], others: true });
  const known = { pods: [{ name: 'a', uid: 'a' }], others: false };
  assert.equal(readNewUsers(known, object([])), known, 'of a claim whose last pod ended nothing changes');
});
