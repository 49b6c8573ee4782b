import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { HealthSource } from '../../src/kubelet/health-service.ts';
import { eventually } from '../../src/lib/testing/eventually.ts';
import type { Pod } from '../../src/resource-api/core-objects.ts';
import type { ObjectStore } from '../apiserver/store/object-store.ts';
import { pod } from '../apiserver/testing/cluster.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { claimedPod, readOwnCpus, startDriver, startNode, writeSpec } from './testing/start-node.ts';

function untilPod(store: ObjectStore, name: string, is: (pod: Pod) => boolean): Promise<Pod> {
  return eventually(`pod ${name}`, () => {
    const found = store.find('pods', name);
    return found && is(found) ? found : undefined;
  });
}

const isRunning = (pod: Pod) => pod.status?.phase === 'Running';

async function containerOf(runtime: Runtime, name: string, attempt = 0) {
  return eventually(`container ${name}`, async () => {
    const all = await runtime.listContainers();
    return all.find((each) => each.name === name && each.attempt === attempt && each.state === 'running');
  });
}

function messages(store: ObjectStore, name: string, reason: string): string[] {
  return store
    .list('events', { fieldSelector: `involvedObject.name=${name}` })
    .items.filter((event) => event.reason === reason)
    .map(({ message = '' }) => message);
}

describe('Kubelet', () => {
  it('registers its node', async (t) => {
    const { store } = await startNode(t);
    const { status } = store.get('nodes', 'n1');
    assert.equal(status?.capacity?.['cpu'], '8');
    assert.equal(status?.conditions?.[0]?.status, 'True');
  });

  it('prepares a claim, runs the pod with the CDI device, and unprepares when the pod is deleted', async (t) => {
    const node = await startNode(t);
    const { store, runtime } = node;
    const { calls, verdicts } = await startDriver(node);
    assert.deepEqual(verdicts, [{ registered: true }]);
    const db = claimedPod('db');
    store.create('resourceclaims', db.claim);
    store.create('pods', db.pod);
    const running = await untilPod(store, 'db', isRunning);
    const [status] = running.status?.containerStatuses ?? [];
    assert.equal(status?.ready, true);
    assert.match(status?.containerID ?? '', /^embedded:\/\/[0-9a-f]{64}$/);
    assert.equal(running.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
    assert.deepEqual(calls, ['prepare db']);
    store.delete('pods', 'db');
    await eventually('the pod is gone', () => store.find('pods', 'db') === undefined);
    assert.deepEqual(calls, ['prepare db', 'unprepare db']);
    assert.deepEqual(await runtime.listContainers(), []);
    assert.deepEqual(await runtime.listSandboxes(), []);
  });

  it('tells of a driver that is not registered and prepares at a later resync', async (t) => {
    const node = await startNode(t);
    const { store } = node;
    const db = claimedPod('db');
    store.create('resourceclaims', db.claim);
    store.create('pods', db.pod);
    const [message] = await eventually('the event', () => {
      const found = messages(store, 'db', 'FailedPrepareDynamicResources');
      return found.length > 0 && found;
    });
    assert.equal(message, 'Failed to prepare dynamic resources: DRA driver dra.cpu is not registered');
    await startDriver(node);
    await untilPod(store, 'db', isRunning);
  });

  for (const { what, answer, message } of [
    { what: 'an error', answer: [{ uid: 'self', error: 'no CPUs' }], message: /failed for ResourceClaim db: no CPUs$/ },
    { what: 'no entry', answer: [], message: /failed for ResourceClaim db: Cannot answer for the claim/ },
  ]) {
    it(`does not run a pod for whose claim the driver answered ${what}`, async (t) => {
      const node = await startNode(t);
      const { store } = node;
      await startDriver(node, {
        handler: { prepare: async ([claim]) => answer.map((entry) => ({ ...entry, uid: claim?.uid ?? '' })) },
      });
      const db = claimedPod('db');
      store.create('resourceclaims', db.claim);
      store.create('pods', db.pod);
      const [text] = await eventually('the event', () => {
        const found = messages(store, 'db', 'FailedPrepareDynamicResources');
        return found.length > 1 && found;
      });
      assert.match(text ?? '', message);
      assert.equal(store.get('pods', 'db').status?.phase, 'Pending');
    });
  }

  it('after its restart leaves running pods alone, prepares for new sandboxes, and still unprepares', async (t) => {
    const node = await startNode(t);
    const { store, runtime, kubelet } = node;
    const { calls } = await startDriver(node);
    for (const { claim, pod } of [claimedPod('a'), claimedPod('b')]) {
      store.create('resourceclaims', claim);
      store.create('pods', pod);
    }
    await untilPod(store, 'a', isRunning);
    await untilPod(store, 'b', isRunning);
    const before = await runtime.listContainers();
    await kubelet.stop();
    await kubelet.stop();
    store.delete('pods', 'b', { gracePeriodSeconds: 0 });
    calls.length = 0;
    await kubelet.start();
    await eventually('the driver registers again', () => kubelet.driverNames.length > 0);
    await eventually('b is ended', () => calls.includes('unprepare b'));
    const c = claimedPod('c', { resourceClaims: [{ name: 'cpus', resourceClaimName: 'a' }] });
    store.create('pods', c.pod);
    await untilPod(store, 'c', isRunning);
    assert.deepEqual(calls, ['unprepare b', 'prepare a']);
    store.delete('pods', 'a');
    await eventually('a is gone', () => store.find('pods', 'a') === undefined);
    assert.deepEqual(calls, ['unprepare b', 'prepare a'], 'c still uses the claim');
    assert.ok(!(await runtime.listContainers()).some(({ id }) => before.some((old) => old.id === id)));
  });

  it('ends a pod that was deleted by force and gives its claim back', async (t) => {
    const node = await startNode(t);
    const { store, runtime } = node;
    const { calls } = await startDriver(node);
    const db = claimedPod('db');
    store.create('resourceclaims', db.claim);
    store.create('pods', db.pod);
    await untilPod(store, 'db', isRunning);
    store.delete('pods', 'db', { gracePeriodSeconds: 0 });
    await eventually('it is unprepared', () => calls.includes('unprepare db'));
    await eventually('it is gone', async () => (await runtime.listSandboxes()).length === 0);
  });

  it('N4: restarts a container that ends, in the same sandbox and without preparing again', async (t) => {
    const node = await startNode(t);
    const { store, runtime } = node;
    const { calls } = await startDriver(node);
    const db = claimedPod('db');
    store.create('resourceclaims', db.claim);
    store.create('pods', db.pod);
    const { sandboxId } = await containerOf(runtime, 'main');
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await runtime.stopContainer((await containerOf(runtime, 'main', attempt)).id, 0);
    }
    const last = await containerOf(runtime, 'main', 3);
    const { status } = await untilPod(store, 'db', (found) => found.status?.containerStatuses?.[0]?.restartCount === 3);
    assert.equal(last.sandboxId, sandboxId);
    assert.deepEqual(calls, ['prepare db']);
    assert.equal(status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 143);
    await eventually('the old one is removed', async () => (await runtime.listContainers()).length === 1);
  });

  it('runs init containers in order, then sidecars, and ends a job with its sidecars', async (t) => {
    const { store, runtime } = await startNode(t, { launcher: 'process', cpus: await readOwnCpus() });
    const image = 'busybox';
    store.create(
      'pods',
      pod('job', {
        restartPolicy: 'Never',
        initContainers: [
          { name: 'first', image, command: ['true'] },
          { name: 'sidecar', image, restartPolicy: 'Always' },
          { name: 'last', image, command: ['true'] },
        ],
        containers: [{ name: 'main', image, command: ['sh', '-c', 'exit 0'] }],
      }),
    );
    const { status } = await untilPod(store, 'job', (found) => found.status?.phase === 'Succeeded');
    assert.deepEqual(
      (await runtime.listContainers()).map(({ name }) => name),
      ['first', 'sidecar', 'last', 'main'],
    );
    assert.equal(status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode, 0);
    await eventually('the sidecar ends', async () =>
      (await runtime.listContainers()).every(({ state }) => state === 'exited'),
    );
  });

  it('keeps a pod waiting whose container cannot be created, and tries again', async (t) => {
    const node = await startNode(t);
    const { store, cdiDirectory } = node;
    const { calls } = await startDriver(node);
    const db = claimedPod('db');
    const { metadata } = store.create('resourceclaims', db.claim);
    // A device that is in two files is not resolved.
    const twin = join(cdiDirectory, 'twin.json');
    await writeSpec(twin, metadata.uid);
    store.create('pods', db.pod);
    const waiting = (found: Pod) => found.status?.containerStatuses?.[0]?.state?.waiting;
    const { status } = await untilPod(store, 'db', (found) => waiting(found)?.reason === 'CreateContainerError');
    assert.equal(status?.phase, 'Pending');
    assert.match(
      messages(store, 'db', 'Failed')[0] ?? '',
      /^Error: CDI device injection failed: unresolvable CDI devices/,
    );
    await rm(twin);
    await untilPod(store, 'db', isRunning);
    assert.deepEqual(calls, ['prepare db']);
  });

  it('shows the health of what a container was given', async (t) => {
    const node = await startNode(t);
    const { store } = node;
    let isHealthy = true;
    const listeners = new Set<() => void>();
    const health: HealthSource = {
      read: () => [
        {
          poolName: 'n1',
          deviceName: 'cpudevnuma000',
          health: isHealthy ? 'Healthy' : 'Unhealthy',
          message: isHealthy ? '' : 'CPU 1 is offline',
        },
      ],
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    await startDriver(node, { health });
    const db = claimedPod('db');
    const { metadata } = store.create('resourceclaims', db.claim);
    store.create('pods', db.pod);
    const resourcesOf = (found: Pod) => found.status?.containerStatuses?.[0]?.allocatedResourcesStatus;
    const healthy = await untilPod(store, 'db', (found) => resourcesOf(found) !== undefined);
    const resourceID = `dra.k8s.io/cpu=claim-${metadata.uid}`;
    assert.deepEqual(resourcesOf(healthy), [{ name: 'claim:cpus', resources: [{ resourceID, health: 'Healthy' }] }]);
    isHealthy = false;
    for (const listener of listeners) listener();
    const message = 'CPU 1 is offline';
    const ill = await untilPod(store, 'db', (found) => resourcesOf(found)?.[0]?.resources?.[0]?.health === 'Unhealthy');
    assert.equal(resourcesOf(ill)?.[0]?.resources?.[0]?.message, message);
  });

  it('registers a driver again after the plugin directory was wiped', async (t) => {
    const node = await startNode(t);
    const { verdicts } = await startDriver(node);
    const directory = join(node.directory, 'plugins_registry');
    // The driver may put its socket back, and with it the directory, at any moment.
    await rm(directory, { recursive: true, maxRetries: 10, retryDelay: 1 });
    await mkdir(directory, { recursive: true });
    // What it registered meanwhile may have been removed with the rest of the directory.
    await eventually('it is registered again', () => verdicts.length > 1 && node.kubelet.driverNames.length > 0);
    assert.deepEqual(node.kubelet.driverNames, ['dra.cpu']);
  });

  it('deletes the slices of a driver that stays away', async (t) => {
    const node = await startNode(t, { timing: { sliceWipeMs: 20 } });
    const { plugin } = await startDriver(node);
    assert.equal(node.store.list('resourceslices').items.length, 1);
    await plugin.stop();
    await eventually('the slices are gone', () => node.store.list('resourceslices').items.length === 0);
  });
});
