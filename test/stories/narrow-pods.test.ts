/** A cgroup of pods that has fewer CPUs than the machine. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { deviceClass, pod } from '../../embedded/demo/demo-objects.ts';
import { LocalCluster, waitFor } from '../../embedded/cluster/local-cluster.ts';
import { cpusOf, createClaimedPod, program, skipReason } from '../local-cluster.ts';

async function limitPods(cluster: LocalCluster, list: string): Promise<void> {
  const directory = join(cluster.node.ready.hostRoot, 'sys/fs/cgroup/kubepods.slice');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'cpuset.cpus.effective'), `${list}\n`);
}

async function readCapacity(cluster: LocalCluster): Promise<string | undefined> {
  const [slice] = await cluster.api.list('resourceslices');
  const [device] = slice?.spec.devices ?? [];
  return device?.capacity?.['dra.cpu/cpu']?.value;
}

describe('Driver and node as two processes: pods that cannot have all CPUs', { skip: skipReason }, () => {
  it('publishes and gives out only what containers can have, and follows the limit (issue 13, line 11)', async (t) => {
    const cluster = await LocalCluster.start({ program, nodeArgs: ['--topology', 'pack:1 numa:1 core:8'] });
    t.after(() => cluster.stop());
    await limitPods(cluster, '2-5');
    await cluster.startDriver();
    await cluster.api.create('deviceclasses', deviceClass());
    assert.equal(await readCapacity(cluster), '4');
    assert.match(cluster.driverLog, /preflight check failed.*Containers cannot have CPUs 0-1,6-7 of this machine/);
    await createClaimedPod(cluster, 'db', 3);
    const own = await cpusOf(cluster, 'db');
    assert.match(own, /^(2-4|3-5)$/);
    await cluster.api.create('pods', pod('shared', {}));
    assert.equal(await cpusOf(cluster, 'shared'), own === '2-4' ? '5' : '2');
    await limitPods(cluster, '0-7');
    await waitFor('all CPUs to be published', async () => (await readCapacity(cluster)) === '8');
    assert.match(cluster.driverLog, /preflight check passes again.*pods-cgroup/);
    assert.equal(await cpusOf(cluster, 'db'), own);
  });
});
