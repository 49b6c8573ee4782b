import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Cluster } from './support/cluster.ts';
import { skipSuite } from './support/settings.ts';
import { Story } from './support/story.ts';

describe('claims', { skip: skipSuite }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.connect();
  });

  it('a container with a claim runs on exactly its CPUs', async (t) => {
    const story = await Story.begin(t, cluster);
    for (const count of [1, 2, 3].filter((cpus) => cpus <= story.largestRequest)) {
      const pod = await story.runPodWithCpus(`db-${count}`, count);
      const cpus = await story.cpusOf(pod);
      assert.equal(cpus.size, count);
      assert.equal(cpus.toString(), (await story.claimedCpus(pod)).toString());
      assert.ok(!cpus.intersects(cluster.settings.reservedCpus), `${cpus} has reserved CPUs`);
      await story.deletePod(`db-${count}`);
    }
  });

  it('a claim made from a template goes with its pod', async (t) => {
    const story = await Story.begin(t, cluster);
    await story.createTemplate('cpus', 1);
    const pod = await story.runPod({ name: 'web', claims: { cpu: { template: 'cpus' } } });
    assert.equal((await story.cpusOf(pod)).size, 1);
    const claims = async () =>
      (await cluster.resource.listNamespacedResourceClaim({ namespace: story.namespace })).items.length;
    assert.equal(await claims(), 1);
    await story.deletePod('web');
    const next = await story.runPod({ name: 'next', claims: { cpu: { template: 'cpus' } } });
    assert.equal((await story.cpusOf(next)).size, 1);
  });

  it('two containers of a pod with a claim each run apart', async (t) => {
    const story = await Story.begin(t, cluster);
    if (story.skipsBelow(t, 2)) return;
    await story.createClaim('left', 1);
    await story.createClaim('right', 1);
    const pod = await story.runPod({
      name: 'pair',
      claims: { left: { claim: 'left' }, right: { claim: 'right' } },
      containers: [
        { name: 'left', claims: ['left'] },
        { name: 'right', claims: ['right'] },
      ],
    });
    const [left, right] = [await story.cpusOf(pod, 'left'), await story.cpusOf(pod, 'right')];
    assert.equal(left.size, 1);
    assert.equal(right.size, 1);
    assert.ok(!left.intersects(right), `both have ${left}`);
  });

  it('a container with two claims runs on the CPUs of both', async (t) => {
    const story = await Story.begin(t, cluster);
    if (story.skipsBelow(t, 2)) return;
    await story.createClaim('first', 1);
    await story.createClaim('second', 1);
    const pod = await story.runPod({ name: 'both', claims: { a: { claim: 'first' }, b: { claim: 'second' } } });
    const cpus = await story.cpusOf(pod);
    assert.equal(cpus.size, 2);
    assert.equal(cpus.toString(), (await story.claimedCpus(pod)).toString());
  });

  it('a second pod on the same claim is refused, with the reason in its events', async (t) => {
    const story = await Story.begin(t, cluster);
    const owner = await story.runPodWithCpus('owner', 1);
    const cpus = await story.cpusOf(owner);
    await story.createPod({ name: 'guest', claims: { cpu: { claim: 'owner' } } });
    await story.waitEvent('guest', new RegExp(`${story.namespace}/owner`));
    assert.equal((await story.pod('guest')).status?.containerStatuses?.[0]?.state?.running, undefined);
    assert.equal((await story.cpusOf(owner)).toString(), cpus.toString());
  });

  it('CPUs that are gone leave a pod Pending, with the reason; it starts when they come back', async (t) => {
    const story = await Story.begin(t, cluster);
    const [holder] = await story.exhaust(t);
    if (holder === undefined) return;
    await story.createClaim('second', story.largestRequest);
    await story.createPod({ name: 'second', claims: { cpu: { claim: 'second' } } });
    await story.waitEvent('second', /cannot allocate all claims|insufficient|not enough/i);
    assert.equal((await story.pod('second')).status?.phase, 'Pending');
    await story.deletePod(holder);
    const pod = await story.waitReady('second');
    assert.equal((await story.cpusOf(pod)).size, story.largestRequest);
  });

  it('an environment that imitates a claim gives no CPUs', async (t) => {
    const story = await Story.begin(t, cluster);
    const env = [{ name: 'DRA_CPUSET_11111111-2222-3333-4444-555555555555', value: '0' }];
    await story.createPod({ name: 'impostor', containers: [{ name: 'main', overrides: { env } }] });
    await story.waitEvent('impostor', /claim/i);
    assert.equal((await story.pod('impostor')).status?.containerStatuses?.[0]?.state?.running, undefined);
  });
});
