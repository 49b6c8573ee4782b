import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../src/resource-api/core-objects.ts';
import type { ObjectStore } from '../apiserver/store/object-store.ts';
import { claim, newCluster } from '../apiserver/testing/cluster.ts';
import { ClaimManager } from './claim-manager.ts';
import { KubeletFault } from './kubelet-fault.ts';
import { claimedPod } from './testing/start-node.ts';

type Answer = (uids: string[]) => Record<string, { error: string }>;
const isFine: Answer = (uids) => Object.fromEntries(uids.map((uid) => [uid, { error: '' }]));

/** A manager whose drivers answer as told, and what they were called with. */
function newManager(store: ObjectStore, answer: Answer = isFine) {
  const calls: string[] = [];
  const manager = new ClaimManager(store, (driver) => {
    const respond = (method: string, claims: { name: string; uid: string }[]) => {
      calls.push(`${method} ${driver} ${claims.map(({ name }) => name).join(' ')}`);
      return answer(claims.map(({ uid }) => uid));
    };
    const withDevices = (entries: Record<string, { error: string }>) =>
      Object.fromEntries(Object.entries(entries).map(([uid, entry]) => [uid, { ...entry, devices: [] }]));
    return {
      prepare: async (claims) => ({ claims: withDevices(respond('prepare', claims)) }),
      unprepare: async (claims) => ({ claims: respond('unprepare', claims) }),
    };
  });
  return { manager, calls };
}

/** A pod whose claim of the same name is allocated from drivers and reserved for it. */
function createPod(store: ObjectStore, name: string, { claimName = name, drivers = ['dra.cpu'] } = {}): Pod {
  const pod = store.create(
    'pods',
    claimedPod(name, { resourceClaims: [{ name: 'cpus', resourceClaimName: claimName }] }).pod,
  );
  const found = store.find('resourceclaims', claimName) ?? store.create('resourceclaims', claim(claimName));
  const results = drivers.map((driver) => ({ request: 'cpu', driver, pool: 'n1', device: 'd' }));
  const reservedFor = [...(found.status?.reservedFor ?? []), { resource: 'pods', name, uid: pod.metadata.uid }];
  store.update(
    'resourceclaims',
    { ...found, status: { allocation: { devices: { results } }, reservedFor } },
    { subresource: 'status' },
  );
  return pod;
}

test('ClaimManager calls every driver of a claim once, and again only when its preparation was forgotten', async () => {
  const store = newCluster();
  const { manager, calls } = newManager(store);
  const pod = createPod(store, 'a', { drivers: ['dra.cpu', 'gpu.example.com'] });
  await manager.prepare(pod);
  await manager.prepare(pod);
  assert.deepEqual(calls, ['prepare dra.cpu a', 'prepare gpu.example.com a']);
  manager.forgetPrepared();
  await manager.prepare(pod);
  assert.equal(calls.length, 4);
});

test('ClaimManager unprepares a claim with the last of its pods', async () => {
  const store = newCluster();
  const { manager, calls } = newManager(store);
  const pods = [createPod(store, 'a'), createPod(store, 'b', { claimName: 'a' })];
  for (const pod of pods) await manager.prepare(pod);
  for (const { metadata } of pods) await manager.unprepare(metadata.uid);
  await manager.unprepare('unknown');
  assert.deepEqual(calls, ['prepare dra.cpu a', 'unprepare dra.cpu a']);
});

const wrongAnswers: { what: string; answer: Answer; message: RegExp }[] = [
  { what: 'no entry', answer: () => ({}), message: /NodePrepareResources skipped ResourceClaim default\/a$/ },
  {
    what: 'an error',
    answer: ([uid = '']) => ({ [uid]: { error: 'full' } }),
    message: /failed for ResourceClaim a: full$/,
  },
  {
    what: 'an entry too many',
    answer: (uids) => ({ ...isFine(uids), stray: { error: '' } }),
    message: /unknown claim UIDs stray$/,
  },
];

for (const { what, answer, message } of wrongAnswers) {
  test(`ClaimManager does not take ${what} for prepared`, async () => {
    const store = newCluster();
    const { manager, calls } = newManager(store, answer);
    const pod = createPod(store, 'a');
    for (let attempt = 0; attempt < 2; attempt += 1) await assert.rejects(manager.prepare(pod), message);
    assert.equal(calls.length, 2);
  });
}

test('ClaimManager refuses a claim that is reserved for another pod or was replaced', async () => {
  const store = newCluster();
  const { manager } = newManager(store);
  const isNotReady = (error: unknown) => error instanceof KubeletFault && error.code === 'ClaimNotReady';
  createPod(store, 'a');
  const thief = store.create(
    'pods',
    claimedPod('b', { resourceClaims: [{ name: 'cpus', resourceClaimName: 'a' }] }).pod,
  );
  await assert.rejects(manager.prepare(thief), isNotReady);
  await manager.prepare(store.get('pods', 'a'));
  store.delete('resourceclaims', 'a');
  const heir = createPod(store, 'c', { claimName: 'a' });
  await assert.rejects(manager.prepare(heir), /old ResourceClaim with same name a and different UID .* still exists$/);
});
