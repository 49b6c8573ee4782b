import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Cluster } from './support/cluster.ts';
import { skipSuite } from './support/settings.ts';
import { Story } from './support/story.ts';

/**
 * The scheduler gives away the CPUs of a pod deleted by force about 2 s before the kubelet unprepares its claim; a Prepare
 * refused in between is tried again only after 60 to 90 s (kubelet 1.37). A driver that waits starts the pod well below this.
 */
const RECLAIMED_MS = 20_000;

describe('CPUs of a pod deleted by force', { skip: skipSuite }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.connect();
  });

  it('go to the next pod within seconds', async (t) => {
    const story = await Story.begin(t, cluster);
    const [old] = await story.exhaust(t);
    if (old === undefined) return;
    await story.createClaim('new', story.largestRequest);
    await story.createPod({ name: 'new', claims: { cpu: { claim: 'new' } } });
    await story.waitEvent('new', /cannot allocate all claims|insufficient|not enough/i);
    await story.deletePod(old, 0);
    const deletedMs = performance.now();
    const pod = await story.waitReady('new');
    const tookMs = performance.now() - deletedMs;
    assert.equal((await story.cpusOf(pod)).size, story.largestRequest);
    console.log(`the next pod was ready ${(tookMs / 1000).toFixed(1)} s after the forced deletion`);
    assert.ok(tookMs < RECLAIMED_MS, `took ${tookMs} ms`);
  });
});
