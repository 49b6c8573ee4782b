/** What the specification of a claim promises when the machine restarts: /run is empty and there are no containers. */
import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { LocalCluster } from '../../embedded/cluster/local-cluster.ts';
import { areDisjoint, cpusOf, createClaimedPod, skipReason, startCluster } from '../local-cluster.ts';

/** Eight CPUs; `db` and `cache` have others than they would get if they came first. */
async function startWithClaims(t: TestContext, gates: string[] = []): Promise<LocalCluster> {
  const nodeArgs = ['--topology', 'pack:1 numa:1 core:8', ...gates];
  const cluster = await startCluster(t, { nodeArgs, timing: 'podResyncMs=300' });
  await createClaimedPod(cluster, 'first', 2);
  await cpusOf(cluster, 'first');
  await createClaimedPod(cluster, 'db', 3);
  assert.equal(await cpusOf(cluster, 'db'), '2-4');
  await createClaimedPod(cluster, 'cache', 1);
  assert.equal(await cpusOf(cluster, 'cache'), '5');
  await cluster.deletePod('first');
  return cluster;
}

/** Cuts the power; the driver is started again by the caller. */
async function reboot(cluster: LocalCluster): Promise<void> {
  await cluster.driver?.kill();
  await cluster.node.call({ do: 'reboot' });
  assert.deepEqual(await readdir(cluster.node.ready.cdiDirectory), []);
  assert.deepEqual(await cluster.listContainers(), []);
}

/** Removes folders of the driver's own directory whose names begin so. */
async function wipe(cluster: LocalCluster, prefix: string): Promise<void> {
  const directory = join(cluster.node.ready.kubeletRoot, 'plugins/dra.cpu');
  const names = (await readdir(directory)).filter((name) => name.startsWith(prefix));
  assert.equal(names.length, 1, prefix);
  for (const name of names) await rm(join(directory, name), { recursive: true });
}

/** The CPUs of pods, of which no two have the same. */
async function disjointCpusOf(cluster: LocalCluster, ...names: string[]): Promise<string[]> {
  const lists: string[] = [];
  for (const name of names) lists.push(await cpusOf(cluster, name));
  assert.ok(areDisjoint(...lists), lists.join(' and '));
  return lists;
}

describe('Driver and node as two processes: reboot', { skip: skipReason, concurrency: 3 }, () => {
  it('R3: after a reboot claims get the CPUs they had', async (t) => {
    const cluster = await startWithClaims(t);
    await reboot(cluster);
    await wipe(cluster, 'dra-device-metadata');
    await cluster.startDriver();
    assert.deepEqual(await disjointCpusOf(cluster, 'db', 'cache'), ['2-4', '5']);
  });

  it('R3: after a reboot claims get their CPUs also when another claim is prepared first, and without a status', async (t) => {
    const cluster = await startWithClaims(t, ['--feature-gates', 'DRAResourceClaimDeviceStatus=false']);
    await cluster.driver?.kill();
    // Known to the kubelet before the others are prepared again, and first by name.
    await createClaimedPod(cluster, 'a-new-one', 3);
    await reboot(cluster);
    await cluster.startDriver();
    assert.deepEqual(await disjointCpusOf(cluster, 'db', 'cache', 'a-new-one'), ['2-4', '5', '0-1,6']);
  });

  it('R3: after a reboot without records no CPU is given twice', async (t) => {
    const cluster = await startWithClaims(t, ['--feature-gates', 'DRAResourceClaimDeviceStatus=false']);
    await cluster.driver?.kill();
    await createClaimedPod(cluster, 'a-new-one', 3);
    await reboot(cluster);
    await wipe(cluster, 'claims');
    await cluster.startDriver();
    await disjointCpusOf(cluster, 'db', 'cache', 'a-new-one');
  });
});
