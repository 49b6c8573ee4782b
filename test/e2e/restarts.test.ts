import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { V1Pod } from '@kubernetes/client-node';
import type { CpuSet } from '../../src/cpuset/cpu-set.ts';
import { Cluster } from './support/cluster.ts';
import { Driver, restartComponent } from './support/driver.ts';
import { poll } from './support/poll.ts';
import { skipSuite } from './support/settings.ts';
import { Story } from './support/story.ts';

/** How often the driver is rolled out in a row: one takes hardly longer than the start of a pod. */
const ROLLOUTS = 4;

/** A pod with a claim beside one without, both running. */
interface Pair {
  readonly exclusive: V1Pod;
  readonly cpus: CpuSet;
  readonly shared: V1Pod;
  /** Where the pod without a claim ran before the claim took CPUs. */
  readonly pool: CpuSet;
}

async function runPair(story: Story): Promise<Pair> {
  const shared = await story.runPod({ name: 'shared' });
  const pool = await story.cpusOf(shared);
  const exclusive = await story.runPodWithCpus('db', 1);
  const cpus = await story.cpusOf(exclusive);
  await story.waitApart(shared, cpus);
  return { exclusive, cpus, shared, pool };
}

/** Commands can be run in containers again. */
async function waitForExec(story: Story, pod: V1Pod): Promise<void> {
  await poll('a command in a container after the restart', async () => Boolean(await story.cpusOf(pod)));
}

/** Neither container was restarted, the claim's CPUs are where they were, and the other container keeps off them. */
async function assertUndisturbed(story: Story, { exclusive, cpus, shared }: Pair): Promise<void> {
  for (const pod of [exclusive, shared]) {
    const now = await story.pod(pod.metadata?.name ?? '');
    assert.equal(now.status?.containerStatuses?.[0]?.containerID, pod.status?.containerStatuses?.[0]?.containerID);
  }
  assert.equal((await story.cpusOf(exclusive)).toString(), cpus.toString());
  assert.ok(!(await story.cpusOf(shared)).intersects(cpus));
}

/** The pool still follows the claims, and new pods start. */
async function assertServes(story: Story, { exclusive, shared, pool }: Pair): Promise<void> {
  await story.deletePod(exclusive.metadata?.name ?? '');
  await story.waitCpus(shared, pool);
  const next = await story.runPodWithCpus('next', 1);
  await story.waitApart(shared, await story.cpusOf(next));
}

describe('restarts', { skip: skipSuite }, () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.connect();
  });

  it('of the driver leave running containers alone', async (t) => {
    const [driver, story] = [await Driver.find(t, cluster), await Story.begin(t, cluster)];
    if (!driver) return;
    const pair = await runPair(story);
    const killed = await driver.killPod(0);
    await driver.waitReady(killed.metadata?.uid);
    await assertUndisturbed(story, pair);
    await assertServes(story, pair);
  });

  it('of the driver between a claim’s preparation and its container’s start lose nothing', async (t) => {
    const [driver, story] = [await Driver.find(t, cluster), await Story.begin(t, cluster)];
    if (!driver) return;
    await story.createClaim('late', 1);
    await story.createPod({
      name: 'late',
      claims: { cpu: { claim: 'late' } },
      initContainers: [{ name: 'gate', command: ['sh', '-c', 'until [ -e /tmp/open ]; do sleep 0.1; done'] }],
      containers: [{ name: 'main', claims: ['cpu'] }],
    });
    const waiting = await poll('the init container running', async () => {
      const pod = await story.pod('late');
      return pod.status?.initContainerStatuses?.[0]?.state?.running && pod;
    });
    const killed = await driver.killPod(0);
    await driver.waitReady(killed.metadata?.uid);
    await cluster.exec(waiting, 'gate', ['touch', '/tmp/open']);
    const pod = await story.waitReady('late');
    const cpus = await story.cpusOf(pod);
    assert.equal(cpus.size, 1);
    assert.equal(cpus.toString(), (await story.claimedCpus(pod)).toString());
  });

  it('of the kubelet leave running containers alone', async (t) => {
    const story = await Story.begin(t, cluster);
    const pair = await runPair(story);
    if (!(await restartComponent(t, cluster, 'kubelet'))) return;
    await waitForExec(story, pair.shared);
    await assertUndisturbed(story, pair);
    await assertServes(story, pair);
  });

  it('of containerd leave running containers alone', async (t) => {
    const story = await Story.begin(t, cluster);
    const pair = await runPair(story);
    if (!(await restartComponent(t, cluster, 'containerd'))) return;
    await waitForExec(story, pair.shared);
    await assertUndisturbed(story, pair);
    await assertServes(story, pair);
  });

  it('of the driver by a rollout fail no pod that starts meanwhile', async (t) => {
    const [driver, story] = [await Driver.find(t, cluster), await Story.begin(t, cluster)];
    if (!driver || story.mode === 'machine') {
      if (driver) t.skip('in mode machine every claim would state the same CPUs');
      return;
    }
    await story.createTemplate('cpus', 1);
    const rollout = { isOver: false };
    const rolled = (async () => {
      for (let times = 0; times < ROLLOUTS; times += 1) {
        const old = await driver.waitReady();
        await driver.rollOut();
        await driver.waitReady(old.metadata?.uid);
      }
    })().finally(() => {
      rollout.isOver = true;
    });
    let started = 0;
    do {
      const name = `pod-${started}`;
      const pod = await story.runPod({ name, claims: { cpu: { template: 'cpus' } } });
      const cpus = await story.cpusOf(pod);
      assert.equal(cpus.size, 1, `${name} is on ${cpus}`);
      assert.equal(cpus.toString(), (await story.claimedCpus(pod)).toString());
      const failures = (await story.events(name)).filter(
        ({ type, reason }) => type === 'Warning' && reason !== 'FailedScheduling',
      );
      assert.deepEqual(
        failures.map(({ message }) => message),
        [],
      );
      await story.deletePod(name);
      started += 1;
    } while (!rollout.isOver);
    await rolled;
    console.log(`${started} pods started during ${ROLLOUTS} rollouts`);
  });

  it('of the driver as a new installation keep what runs', async (t) => {
    const driver = await Driver.find(t, cluster);
    if (!driver) return;
    // Before the namespace's removal, which needs a driver.
    t.after(async () => {
      await driver.reinstall();
    });
    const story = await Story.begin(t, cluster);
    const pair = await runPair(story);
    await driver.uninstall();
    await assertUndisturbed(story, pair);
    await driver.reinstall();
    await assertUndisturbed(story, pair);
    await assertServes(story, pair);
  });
});
