import assert from 'node:assert/strict';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { ResourceSlice } from '../../src/resource-api/objects.ts';
import { type LocalCluster, waitFor } from '../../embedded/cluster/local-cluster.ts';
import { areDisjoint, cpusOf, createClaimedPod, skipReason, startCluster } from '../local-cluster.ts';

/** Two seconds are promised; a busy machine may take longer, a periodic check would take much longer. */
const SLICE_LIMIT_MS = 5_000;

/** Milliseconds until the slices are as wanted. */
async function timeSlices(cluster: LocalCluster, is: (slices: ResourceSlice[]) => boolean): Promise<number> {
  const startMs = performance.now();
  await waitFor('the slices', async () => is(await cluster.api.list('resourceslices')));
  return performance.now() - startMs;
}

describe('Driver and node as two processes: kubelet and API server', { skip: skipReason, concurrency: 3 }, () => {
  it('serves a restarted kubelet that has wiped its plugin directories', async (t) => {
    const cluster = await startCluster(t);
    const { kubeletRoot, cdiDirectory } = cluster.node.ready;
    await createClaimedPod(cluster, 'db', 4);
    const before = await cluster.waitForContainer('db');
    await cluster.node.call({ do: 'stopKubelet' });
    const { registrations } = await cluster.readDriverState();
    for (const name of ['plugins_registry', 'plugins']) {
      // The driver may put a socket back meanwhile.
      await rm(join(kubeletRoot, name), { recursive: true, maxRetries: 20, retryDelay: 5 });
      await mkdir(join(kubeletRoot, name), { recursive: true });
    }
    await cluster.node.call({ do: 'startKubelet' });
    await waitFor('the driver to register again', async () => {
      return (await cluster.readDriverState()).registrations > registrations;
    });
    await createClaimedPod(cluster, 'second', 2);
    assert.ok(areDisjoint(before.actual ?? '', await cpusOf(cluster, 'second')));
    assert.deepEqual(await cluster.waitForContainer('db'), before);
    await cluster.deletePod('db');
    await cluster.deletePod('second');
    const isClaim = (name: string) => name.startsWith('dra.k8s.io-cpu_claim-');
    assert.deepEqual((await readdir(cdiDirectory)).filter(isClaim), []);
  });

  it('puts slices back that somebody deleted or changed', async (t) => {
    const cluster = await startCluster(t);
    const [slice] = await cluster.api.list('resourceslices');
    assert.ok(slice);
    await cluster.api.delete('resourceslices', slice.metadata.name);
    const deletedMs = await timeSlices(cluster, (slices) => {
      return slices.length === 1 && slices[0]?.metadata.uid !== slice.metadata.uid;
    });
    assert.ok(deletedMs < SLICE_LIMIT_MS, `back after ${deletedMs} ms`);
    const [again] = await cluster.api.list('resourceslices');
    assert.ok(again);
    assert.deepEqual(again.spec.devices, slice.spec.devices);
    await cluster.api.replace('resourceslices', { ...again, spec: { ...again.spec, devices: [{ name: 'forged' }] } });
    const changedMs = await timeSlices(cluster, (slices) => slices[0]?.spec.devices?.[0]?.name !== 'forged');
    assert.ok(changedMs < SLICE_LIMIT_MS, `back after ${changedMs} ms`);
  });

  it('prepares the claim of the next pod when one was deleted by force, without waiting for a resync', async (t) => {
    const cluster = await startCluster(t);
    await createClaimedPod(cluster, 'first', 6);
    const own = await cpusOf(cluster, 'first');
    await cluster.api.delete('pods', 'first', 0);
    await createClaimedPod(cluster, 'second', 6);
    const second = await cpusOf(cluster, 'second');
    assert.equal(second.length > 0, true);
    const events = await cluster.api.list('events');
    const failures = events.filter(({ reason }) => reason === 'FailedPrepareDynamicResources');
    assert.deepEqual(
      failures.map(({ message }) => message),
      [],
    );
    assert.ok(!areDisjoint(own, second), 'only 8 CPUs are there');
  });
});
