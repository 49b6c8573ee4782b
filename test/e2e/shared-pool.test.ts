import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Cluster } from './support/cluster.ts';
import { skipSuite } from './support/settings.ts';
import { Story } from './support/story.ts';

describe('containers without claims', { skip: skipSuite }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.connect();
  });

  it('shrink when a claim takes CPUs and widen when it gives them back, without a restart', async (t) => {
    const story = await Story.begin(t, cluster);
    const shared = await story.runPod({ name: 'shared' });
    const all = await story.cpusOf(shared);
    assert.ok(!all.intersects(cluster.settings.reservedCpus), `${all} has reserved CPUs`);

    const exclusive = await story.runPodWithCpus('db', 1);
    const taken = await story.cpusOf(exclusive);
    const rest = all.difference(taken);
    const pool = rest.isEmpty ? cluster.settings.reservedCpus : rest;
    await story.waitCpus(shared, pool);

    const late = await story.runPod({ name: 'late' });
    assert.equal((await story.cpusOf(late)).toString(), pool.toString());

    await story.deletePod('db');
    await story.waitCpus(shared, all);
    await story.waitCpus(late, all);
    const [before] = shared.status?.containerStatuses ?? [];
    const [after] = (await story.pod('shared')).status?.containerStatuses ?? [];
    assert.equal(after?.containerID, before?.containerID);
    assert.equal(after?.restartCount, 0);
  });

  it('shrink step by step as claims come and widen as they go', async (t) => {
    const story = await Story.begin(t, cluster);
    if (story.skipsBelow(t, 3)) return;
    const shared = await story.runPod({ name: 'shared' });
    let free = await story.cpusOf(shared);
    const names = ['a', 'b', 'c'];
    for (const name of names) {
      const cpus = await story.cpusOf(await story.runPodWithCpus(name, 1));
      assert.ok(cpus.isSubsetOf(free), `${cpus} of ${free}`);
      free = free.difference(cpus);
      await story.waitCpus(shared, free.isEmpty ? cluster.settings.reservedCpus : free);
    }
    for (const name of names) {
      const cpus = await story.cpusOf(await story.pod(name));
      await story.deletePod(name);
      free = free.union(cpus);
      await story.waitCpus(shared, free);
    }
  });
});
