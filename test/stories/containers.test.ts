import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { parseCpuList } from '../../src/cpuset/parse.ts';
import { pod } from '../../embedded/demo/demo-objects.ts';
import { waitFor } from '../../embedded/cluster/local-cluster.ts';
import { readTopology } from '../../src/sysfs/read-topology.ts';
import { findMemoryNodes } from '../../src/topology/memory-nodes.ts';
import { areDisjoint, cpusOf, createClaimedPod, skipReason, startCluster, startConfigured } from '../local-cluster.ts';

describe('Driver and node as two processes: containers', { skip: skipReason, concurrency: 3 }, () => {
  it('N4: a container that is restarted 20 times keeps its CPUs while other claims come and go', async (t) => {
    const cluster = await startCluster(t, { timing: 'restartDelayMs=1,restartDelayMaxMs=2' });
    await createClaimedPod(cluster, 'db', 4);
    const own = await cpusOf(cluster, 'db');
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const isFifth = attempt % 5 === 0;
      if (isFifth) await createClaimedPod(cluster, `other-${attempt}`, 2);
      const running = await cluster.waitForContainer('db', (container) => container.attempt === attempt);
      assert.equal(running.actual, own);
      await cluster.node.call({ do: 'killContainer', pod: 'db', container: 'main' });
      if (!isFifth) continue;
      assert.ok(areDisjoint(own, await cpusOf(cluster, `other-${attempt}`)));
      await cluster.deletePod(`other-${attempt}`);
    }
    const last = await cluster.waitForContainer('db', ({ attempt }) => attempt === 20);
    assert.equal(last.actual, own);
  });

  it('R2: containers keep their CPUs over a restart of the runtime, and later ones get theirs', async (t) => {
    const cluster = await startCluster(t);
    await createClaimedPod(cluster, 'db', 4);
    const own = await cpusOf(cluster, 'db');
    await cluster.node.call({ do: 'stopRuntime' });
    await cluster.node.call({ do: 'startRuntime' });
    await waitFor('the driver to reconnect', async () => (await cluster.readDriverState()).nriPlugins.length > 0);
    assert.equal(await cpusOf(cluster, 'db'), own);
    await createClaimedPod(cluster, 'second', 2);
    assert.ok(areDisjoint(own, await cpusOf(cluster, 'second')));
  });

  it('memoryNodes: the kernel lets a process have memory of the bound NUMA nodes', async (t) => {
    // This machine: a container is a process in a cgroup of its own, where cgroups can be made.
    const cluster = await startCluster(t, { nodeArgs: [] });
    const { launcher, cpus } = cluster.node.ready;
    if (!launcher.startsWith('cgroup')) return t.skip(`CPUs are set by ${launcher} here`);
    if (parseCpuList(cpus).size < 2) return t.skip('this machine has one CPU');
    const parameters = { apiVersion: 'v1alpha1', cpuConfig: { memoryNodes: 'local' } };
    const exactly = { deviceClassName: 'dra.cpu', capacity: { requests: { 'dra.cpu/cpu': '1' } } };
    const devices = { requests: [{ name: 'cpus', exactly }], config: [{ opaque: { driver: 'dra.cpu', parameters } }] };
    await cluster.api.create('resourceclaims', { metadata: { name: 'db' }, spec: { devices } });
    await cluster.api.create('pods', pod('db', { resourceClaimName: 'db' }));
    const { pid, actual = '', mems } = await cluster.waitForContainer('db');
    const topology = readTopology({ hostRoot: '/', pcieRoots: false });
    assert.equal(mems, findMemoryNodes(topology, parseCpuList(actual)).toString());
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    if (mems !== '') assert.equal(/^Mems_allowed_list:\s*(\S+)$/m.exec(status)?.[1], mems);
  });

  it('P16: init container, sidecar and container of a pod share a claim where that is configured', async (t) => {
    const cluster = await startConfigured(t, { config: 'apiVersion: v1alpha1\nclaimSharing: pod\n' });
    const common = { image: 'busybox', resources: { claims: [{ name: 'cpus' }] } };
    const sidecar = { name: 'sidecar', restartPolicy: 'Always', ...common };
    await createClaimedPod(cluster, 'db', 4, { initContainers: [sidecar] });
    const beside = await cluster.waitForContainer('db', ({ name }) => name === 'sidecar');
    const main = await cluster.waitForContainer('db', ({ name }) => name === 'main');
    assert.deepEqual([beside.actual, main.actual], ['0-3', '0-3']);
  });
});
