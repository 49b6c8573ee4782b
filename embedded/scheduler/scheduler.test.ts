import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { ObjectStore } from '../apiserver/store/object-store.ts';
import { claim, newCluster, pod, slice } from '../apiserver/testing/cluster.ts';
import { Scheduler } from './scheduler.ts';
import { numaDevice } from '../../src/resource-api/allocation/testing/problems.ts';

const CPUS = (amount: string) => ({ capacity: { requests: { 'dra.cpu/cpu': amount } } });

/** A cluster of one node with two NUMA nodes of four CPUs. */
function newNode(t: TestContext): ObjectStore {
  const store = newCluster();
  store.create('nodes', { metadata: { name: 'n1' }, status: { allocatable: { cpu: '8' } } });
  const selectors = [{ cel: { expression: 'device.driver == "dra.cpu"' } }];
  store.create('deviceclasses', { metadata: { name: 'dra.cpu' }, spec: { selectors } });
  store.create('resourceslices', slice('n1', [numaDevice(0, 4), numaDevice(1, 4)]));
  const scheduler = Scheduler.start(store);
  t.after(() => scheduler.stop());
  return store;
}

/** Lets everything that was set off run. */
async function settled(store: ObjectStore): Promise<void> {
  for (let before = ''; before !== store.resourceVersion; ) {
    before = store.resourceVersion;
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function withClaim(name: string, claimName: string) {
  return pod(name, { resourceClaims: [{ name: 'cpu', resourceClaimName: claimName }] });
}

function withTemplate(name: string, template: string) {
  return pod(name, { resourceClaims: [{ name: 'cpu', resourceClaimTemplateName: template }] });
}

function template(name: string, amount: string) {
  const { spec } = claim(name, CPUS(amount));
  return { metadata: { name }, spec: { metadata: { labels: { made: 'yes' } }, spec } };
}

function reasons(store: ObjectStore, name: string): string[] {
  return store
    .list('events', { fieldSelector: `involvedObject.name=${name}` })
    .items.map(({ reason }) => reason ?? '')
    .sort();
}

describe('Scheduler', () => {
  it('binds a pod without claims', async (t) => {
    const store = newNode(t);
    store.create('pods', pod('plain'));
    await settled(store);
    const { spec, status } = store.get('pods', 'plain');
    assert.equal(spec.nodeName, 'n1');
    assert.equal(status?.conditions?.[0]?.status, 'True');
    assert.deepEqual(reasons(store, 'plain'), ['Scheduled']);
  });

  it('allocates and reserves the claim of a pod', async (t) => {
    const store = newNode(t);
    store.create('resourceclaims', claim('db', CPUS('3')));
    const { metadata } = store.create('pods', withClaim('db', 'db'));
    await settled(store);
    const { status, metadata: kept } = store.get('resourceclaims', 'db');
    assert.deepEqual(status?.reservedFor, [{ resource: 'pods', name: 'db', uid: metadata.uid }]);
    assert.equal(status?.allocation?.devices.results?.[0]?.device, 'cpudevnuma000');
    assert.deepEqual(kept.finalizers, ['resource.kubernetes.io/delete-protection']);
    assert.equal(store.get('pods', 'db').spec.nodeName, 'n1');
  });

  it('makes a claim from a template for every pod', async (t) => {
    const store = newNode(t);
    store.create('resourceclaimtemplates', template('three', '3'));
    const { metadata } = store.create('pods', withTemplate('db', 'three'));
    await settled(store);
    const [status] = store.get('pods', 'db').status?.resourceClaimStatuses ?? [];
    assert.match(status?.resourceClaimName ?? '', /^db-cpu-.{5}$/);
    const made = store.get('resourceclaims', status?.resourceClaimName ?? '');
    assert.deepEqual(made.metadata.labels, { made: 'yes' });
    assert.deepEqual(made.metadata.annotations, { 'resource.kubernetes.io/pod-claim-name': 'cpu' });
    assert.equal(made.metadata.ownerReferences?.[0]?.uid, metadata.uid);
    assert.notEqual(made.status?.allocation, undefined);
  });

  it('says once why a pod has to wait, and takes it when there is room', async (t) => {
    const store = newNode(t);
    store.create('resourceclaimtemplates', template('three', '3'));
    for (const name of ['a', 'b', 'c']) store.create('pods', withTemplate(name, 'three'));
    await settled(store);
    const condition = store.get('pods', 'c').status?.conditions?.[0];
    assert.equal(condition?.reason, 'Unschedulable');
    assert.match(
      condition?.message ?? '',
      /0\/1 nodes are available: 1 cannot allocate all claims: claim default\/c-cpu-/,
    );
    store.create('configmaps', { metadata: { name: 'unrelated' } });
    store.create('nodes', { metadata: { name: 'n2', labels: {} }, spec: { unschedulable: true } });
    await settled(store);
    assert.equal(store.get('pods', 'c').spec.nodeName, undefined);
    store.delete('pods', 'a', { gracePeriodSeconds: 0 });
    await settled(store);
    const placed = store.get('pods', 'c');
    assert.equal(placed.spec.nodeName, 'n1');
    assert.deepEqual(
      placed.status?.conditions?.map(({ status, reason }) => [status, reason]),
      [['True', undefined]],
    );
    assert.ok(reasons(store, 'c').includes('FailedScheduling'));
  });

  it('removes the claims of a pod that is gone', async (t) => {
    const store = newNode(t);
    store.create('resourceclaimtemplates', template('three', '3'));
    store.create('resourceclaims', claim('kept', CPUS('1')));
    store.create('pods', withTemplate('a', 'three'));
    store.create('pods', withClaim('b', 'kept'));
    await settled(store);
    for (const name of ['a', 'b']) store.delete('pods', name, { gracePeriodSeconds: 0 });
    await settled(store);
    const left = store.list('resourceclaims').items;
    assert.deepEqual(
      left.map(({ metadata }) => [metadata.name, metadata.finalizers]),
      [['kept', []]],
    );
    assert.deepEqual(left[0]?.status, {});
  });

  it('takes claims back from pods that have ended, generated ones for good', async (t) => {
    const store = newNode(t);
    store.create('resourceclaimtemplates', template('three', '3'));
    store.create('pods', withTemplate('job', 'three'));
    await settled(store);
    store.patch('pods', 'job', { type: 'merge', body: { status: { phase: 'Succeeded' } } }, { subresource: 'status' });
    await settled(store);
    assert.deepEqual(store.list('resourceclaims').items, []);
  });

  it('keeps a deleted claim until its pod is gone', async (t) => {
    const store = newNode(t);
    store.create('resourceclaims', claim('db', CPUS('3')));
    store.create('pods', withClaim('db', 'db'));
    await settled(store);
    store.delete('resourceclaims', 'db');
    await settled(store);
    assert.notEqual(store.get('resourceclaims', 'db').status?.allocation, undefined);
    store.delete('pods', 'db', { gracePeriodSeconds: 0 });
    await settled(store);
    assert.equal(store.find('resourceclaims', 'db'), undefined);
  });

  it('shares an allocated claim between pods', async (t) => {
    const store = newNode(t);
    store.create('resourceclaims', claim('shared', CPUS('1')));
    for (const name of ['a', 'b']) store.create('pods', withClaim(name, 'shared'));
    await settled(store);
    assert.deepEqual(
      store.get('resourceclaims', 'shared').status?.reservedFor?.map(({ name }) => name),
      ['a', 'b'],
    );
    store.delete('pods', 'a', { gracePeriodSeconds: 0 });
    await settled(store);
    assert.deepEqual(
      store.get('resourceclaims', 'shared').status?.reservedFor?.map(({ name }) => name),
      ['b'],
    );
  });

  it('waits for claims, templates and nodes that are not there', async (t) => {
    const store = newNode(t);
    store.create('pods', withClaim('early', 'late'));
    store.create('pods', withTemplate('lost', 'nope'));
    await settled(store);
    assert.match(store.get('pods', 'early').status?.conditions?.[0]?.message ?? '', /resourceclaim "late" not found/);
    assert.deepEqual(reasons(store, 'lost'), ['FailedResourceClaimCreation', 'FailedScheduling']);
    store.create('resourceclaims', claim('late', CPUS('1')));
    await settled(store);
    assert.equal(store.get('pods', 'early').spec.nodeName, 'n1');
  });

  it('leaves gated pods and pods of other schedulers alone', async (t) => {
    const store = newNode(t);
    store.create('pods', pod('gated', { schedulingGates: [{ name: 'x' }] }));
    store.create('pods', pod('foreign', { schedulerName: 'other' }));
    await settled(store);
    for (const name of ['gated', 'foreign']) assert.equal(store.get('pods', name).spec.nodeName, undefined);
  });

  it('does nothing once stopped', async () => {
    const store = newCluster();
    const scheduler = Scheduler.start(store);
    store.create('nodes', { metadata: { name: 'n1' } });
    scheduler.stop();
    scheduler.stop();
    store.create('pods', pod('late'));
    await settled(store);
    assert.equal(store.get('pods', 'late').spec.nodeName, undefined);
  });
});
