import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type LocalCluster, waitFor } from '../../embedded/cluster/local-cluster.ts';
import { areDisjoint, cpusOf, createClaimedPod, skipReason, startCluster } from '../local-cluster.ts';

function waitForFailure(cluster: LocalCluster, pod: string): Promise<string> {
  return waitFor(`a failure of pod ${pod}`, async () => {
    const events = await cluster.api.list('events');
    const found = events.find(({ involvedObject, reason }) => {
      return involvedObject.name === pod && reason === 'FailedPrepareDynamicResources';
    });
    return found?.message;
  });
}

describe('Driver and node as two processes: API server', { skip: skipReason, concurrency: 3 }, () => {
  it('a driver that starts while the API server is away pins what restarts, and serves claims when it is back', async (t) => {
    const cluster = await startCluster(t, { timing: 'podResyncMs=300' });
    await createClaimedPod(cluster, 'db', 4);
    const own = await cpusOf(cluster, 'db');
    await cluster.driver?.kill();
    await cluster.node.call({ do: 'pauseApiServer' });
    await cluster.startDriver({ isApiAway: true });
    await cluster.node.call({ do: 'killContainer', pod: 'db', container: 'main' });
    const again = await cluster.waitForContainer('db', ({ attempt }) => attempt === 1);
    assert.equal(again.actual, own);
    await cluster.node.call({ do: 'resumeApiServer' });
    await createClaimedPod(cluster, 'second', 2);
    assert.ok(areDisjoint(own, await cpusOf(cluster, 'second')));
  });

  it('a claim is prepared after the API server answered errors for a while', async (t) => {
    const cluster = await startCluster(t, { timing: 'podResyncMs=300' });
    const rule = { answer: 'ServiceUnavailable', verb: 'get', resource: 'resourceclaims', times: 4 } as const;
    await cluster.node.call({ do: 'failRequests', rule });
    await createClaimedPod(cluster, 'db', 4);
    assert.equal(await cpusOf(cluster, 'db'), '0-3');
  });

  it("shows a claim's CPUs in its status, at two reads and one write of the claim", async (t) => {
    const cluster = await startCluster(t);
    await createClaimedPod(cluster, 'db', 4);
    const own = await cpusOf(cluster, 'db');
    const device = await waitFor('the status of claim db', async () => {
      return (await cluster.api.list('resourceclaims'))[0]?.status?.devices?.[0];
    });
    const counts = (await cluster.node.call({ do: 'countRequests' })) as Record<string, number>;
    assert.equal(counts['patch resourceclaims/status'], 1);
    assert.equal(counts['get resourceclaims'], 2);
    assert.equal(device.data?.['cpuset'], own);
  });

  it('P1: without consumable capacity in the cluster the event says which feature gate is missing', async (t) => {
    const cluster = await startCluster(t, {
      nodeArgs: ['--topology', 'core:8', '--feature-gates', 'DRAConsumableCapacity=false'],
    });
    await createClaimedPod(cluster, 'db', 4);
    assert.match(await waitForFailure(cluster, 'db'), /DRAConsumableCapacity/);
    assert.ok(cluster.driver?.isRunning);
  });
});
