import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pod } from '../../embedded/demo/demo-objects.ts';
import { waitFor } from '../../embedded/cluster/local-cluster.ts';
import {
  areDisjoint,
  cpusOf,
  createClaimedPod,
  replaceDriver,
  skipReason,
  startCluster,
  waitForClaim,
} from '../local-cluster.ts';

describe('Driver and node as two processes: restarts', { skip: skipReason, concurrency: 3 }, () => {
  it('R1: a claim prepared before the driver was killed keeps its CPUs, and no other claim gets them', async (t) => {
    const cluster = await startCluster(t);
    await cluster.node.call({ do: 'withholdImages' });
    await createClaimedPod(cluster, 'first', 5);
    const { cpus } = await waitForClaim(cluster, 'first');
    await cluster.waitForSandbox('first');
    await replaceDriver(cluster);
    await createClaimedPod(cluster, 'second', 2);
    const second = await waitForClaim(cluster, 'second');
    assert.ok(!second.cpus.intersects(cpus), `${second.cpus} and ${cpus}`);
    await cluster.node.call({ do: 'deliverImages' });
    assert.equal(await cpusOf(cluster, 'first'), String(cpus));
    assert.equal(await cpusOf(cluster, 'second'), String(second.cpus));
  });

  it('R1: a claim whose Prepare was cut off gets the same CPUs when the kubelet asks again', async (t) => {
    const cluster = await startCluster(t, { timing: 'podResyncMs=300' });
    await cluster.node.call({ do: 'withholdImages' });
    await createClaimedPod(cluster, 'first', 5);
    const { cpus } = await waitForClaim(cluster, 'first');
    // Its answer may or may not have reached the kubelet.
    await replaceDriver(cluster);
    await cluster.node.call({ do: 'deliverImages' });
    assert.equal(await cpusOf(cluster, 'first'), String(cpus));
  });

  it('R2: a container that waits for its restart while the driver is replaced gets its CPUs back', async (t) => {
    const cluster = await startCluster(t, { timing: 'restartDelayMs=2500' });
    await createClaimedPod(cluster, 'crashing', 5);
    const before = await cpusOf(cluster, 'crashing');
    for (const attempt of [0, 1]) {
      await cluster.waitForContainer('crashing', (container) => container.attempt === attempt);
      await cluster.node.call({ do: 'killContainer', pod: 'crashing', container: 'main' });
    }
    await replaceDriver(cluster);
    await createClaimedPod(cluster, 'second', 2);
    const second = await cpusOf(cluster, 'second');
    const again = await cluster.waitForContainer('crashing', ({ attempt }) => attempt === 2);
    assert.equal(again.actual, before);
    assert.ok(areDisjoint(before, second));
  });

  it('N8: a container created while the driver is away is narrowed when it is back', async (t) => {
    const cluster = await startCluster(t);
    await createClaimedPod(cluster, 'db', 4);
    const own = await cpusOf(cluster, 'db');
    await cluster.driver?.kill();
    await waitFor('the runtime to notice', async () => (await cluster.readDriverState()).nriPlugins.length === 0);
    await cluster.api.create('pods', pod('web'));
    assert.equal(await cpusOf(cluster, 'web'), '0-7');
    await cluster.startDriver();
    const web = await cluster.waitForContainer('web', ({ actual = '' }) => areDisjoint(actual, own));
    assert.notEqual(web.actual, '');
  });

  it('R8: the driver ends with exit code 0 when asked, and containers stay where they are', async (t) => {
    const cluster = await startCluster(t);
    await createClaimedPod(cluster, 'db', 4);
    const own = await cpusOf(cluster, 'db');
    assert.equal(await cluster.driver?.stop(), 0);
    assert.equal(await cpusOf(cluster, 'db'), own);
  });
});
