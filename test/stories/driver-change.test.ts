import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { claimSpecFileName } from '../../src/records/cdi-spec.ts';
import { type LocalCluster, waitFor } from '../../embedded/cluster/local-cluster.ts';
import {
  areDisjoint,
  cpusOf,
  createClaimedPod,
  program,
  skipReason,
  startCluster,
  waitForClaim,
} from '../local-cluster.ts';

const isClaimFile = (name: string) => name.startsWith('dra.k8s.io-cpu_claim-') && name.endsWith('.json');

async function listClaimFiles(cluster: LocalCluster): Promise<string[]> {
  return (await readdir(cluster.node.ready.cdiDirectory)).filter(isClaimFile);
}

/** The environment of a pod of the DaemonSet. */
function podOfDaemonSet(name: string): Record<string, string> {
  return { POD_UID: randomUUID(), POD_NAME: name, POD_NAMESPACE: 'kube-system' };
}

describe('Driver and node as two processes: what changes under the driver', {
  skip: skipReason,
  concurrency: 3,
}, () => {
  it('R3: a running claim whose file is gone gets it back when the driver starts, with the same CPUs', async (t) => {
    const cluster = await startCluster(t);
    const { cdiDirectory } = cluster.node.ready;
    await createClaimedPod(cluster, 'db', 4);
    const own = await cpusOf(cluster, 'db');
    await cluster.driver?.kill();
    await rm(cdiDirectory, { recursive: true });
    await cluster.startDriver();
    assert.equal(String((await waitForClaim(cluster, 'db')).cpus), own);
    await createClaimedPod(cluster, 'second', 2);
    assert.ok(areDisjoint(own, await cpusOf(cluster, 'second')));
  });

  it('R4: a damaged file is put aside, and its CPUs are not given twice', async (t) => {
    const cluster = await startCluster(t);
    const { cdiDirectory } = cluster.node.ready;
    await createClaimedPod(cluster, 'db', 4);
    const own = await cpusOf(cluster, 'db');
    const { uid } = await waitForClaim(cluster, 'db');
    await cluster.driver?.kill();
    await writeFile(join(cdiDirectory, claimSpecFileName(uid)), '{"cdiVersion": "0.8');
    await cluster.startDriver();
    assert.equal(String((await waitForClaim(cluster, 'db')).cpus), own);
    await createClaimedPod(cluster, 'second', 2);
    assert.ok(areDisjoint(own, await cpusOf(cluster, 'second')));
    assert.equal(await cpusOf(cluster, 'db'), own);
  });

  it('R6: CPUs that become reserved stay with their claim and go to nobody after it', async (t) => {
    const cluster = await startCluster(t);
    await createClaimedPod(cluster, 'db', 4);
    const own = await cpusOf(cluster, 'db');
    await cluster.driver?.stop();
    await cluster.startDriver({ args: [`--reserved-cpus=${own}`] });
    assert.equal(await cpusOf(cluster, 'db'), own);
    await cluster.deletePod('db');
    await createClaimedPod(cluster, 'second', 2);
    assert.ok(areDisjoint(own, await cpusOf(cluster, 'second')));
  });

  it('R7: claims live on and are unprepared when the mode of devices changes', async (t) => {
    const cluster = await startCluster(t);
    await createClaimedPod(cluster, 'db', 4);
    const own = await cpusOf(cluster, 'db');
    await cluster.driver?.stop();
    await cluster.startDriver({ args: ['--cpu-device-mode=individual'] });
    await waitFor('slices of single CPUs', async () => {
      const slices = await cluster.api.list('resourceslices');
      return slices.flatMap(({ spec }) => spec.devices ?? []).length === 8;
    });
    await cluster.node.call({ do: 'killContainer', pod: 'db', container: 'main' });
    assert.equal((await cluster.waitForContainer('db', ({ attempt }) => attempt === 1)).actual, own);
    await cluster.deletePod('db');
    assert.deepEqual(await listClaimFiles(cluster), []);
  });

  it('R9: the check before removal names the pods that hold claims, and passes when there are none', async (t) => {
    const cluster = await startCluster(t);
    const { kubeconfig } = cluster.node.ready;
    const [file, ...first] = program;
    const check = () => {
      const flags = ['drain', '--check', '--all-nodes', `--kubeconfig=${kubeconfig}`, '-o', 'json'];
      const { status, stdout } = spawnSync(file, [...first, ...flags], { encoding: 'utf8' });
      const { pods } = JSON.parse(stdout) as { pods: { name: string; claims: { cpus: string }[] }[] };
      return { status, pods: pods.map(({ name, claims }) => `${name} ${claims.map(({ cpus }) => cpus).join()}`) };
    };
    await createClaimedPod(cluster, 'db', 4);
    const own = await cpusOf(cluster, 'db');
    await waitFor('the status of claim db', async () => check().pods[0] === `db ${own}`);
    assert.equal(check().status, 1);
    await cluster.deletePod('db');
    await waitFor('claim db to be free', async () => check().status === 0);
    assert.deepEqual(check().pods, []);
  });

  it('R9: a pod deleted while the driver is away ends when it is back', async (t) => {
    const cluster = await startCluster(t, { timing: 'unprepareRetryMs=100' });
    await createClaimedPod(cluster, 'db', 4);
    await cluster.waitForContainer('db');
    await cluster.driver?.kill();
    await cluster.api.delete('pods', 'db');
    await waitFor('its container to end', async () =>
      (await cluster.listContainers()).every(({ state }) => state === 'exited'),
    );
    assert.ok(await cluster.api.find('pods', 'db'), 'it is still there');
    await cluster.startDriver();
    await waitFor('pod db to go', async () => (await cluster.api.find('pods', 'db')) === undefined);
    assert.deepEqual(await listClaimFiles(cluster), []);
  });

  it('R10: a rolling update takes over without a pod that fails', async (t) => {
    const cluster = await startCluster(t, { driver: { env: podOfDaemonSet('dra-driver-cpu-bbbbb') } });
    const old = cluster.driver;
    await createClaimedPod(cluster, 'before', 3);
    const own = await cpusOf(cluster, 'before');
    const started = cluster.startDriver({ env: podOfDaemonSet('dra-driver-cpu-ccccc') });
    for (let round = 0; round < 4; round += 1) {
      await createClaimedPod(cluster, `during-${round}`, 2);
      // One that is created just between the two has all CPUs until the new driver synchronises.
      await cluster.waitForContainer(`during-${round}`, ({ actual = '' }) => areDisjoint(own, actual));
      await cluster.deletePod(`during-${round}`);
    }
    await started;
    await old?.stop();
    await createClaimedPod(cluster, 'after', 3);
    assert.ok(areDisjoint(own, await cpusOf(cluster, 'after')));
    assert.equal(await cpusOf(cluster, 'before'), own);
    const warnings = (await cluster.api.list('events')).filter(({ type }) => type === 'Warning');
    assert.deepEqual(
      warnings.map(({ message }) => message),
      [],
    );
  });

  it('R10: of several pods that come at once each takes the node in turn, and none ends', async (t) => {
    const cluster = await startCluster(t, { driver: { env: podOfDaemonSet('dra-driver-cpu-bbbbb') } });
    const names = ['ccccc', 'ddddd', 'fffff'].map((suffix) => `dra-driver-cpu-${suffix}`);
    const drivers = names.map((name) => cluster.launchDriver({ env: podOfDaemonSet(name) }));
    await waitFor('every pod to have taken the node', async () => {
      assert.deepEqual(
        drivers.map(({ isRunning }) => isRunning),
        names.map(() => true),
      );
      return cluster.driverLog.match(/"Took over the node"/g)?.length === names.length;
    });
    await waitFor('one driver to be with the runtime', async () => {
      return (await cluster.readDriverState()).nriPlugins.length === 1;
    });
    await createClaimedPod(cluster, 'db', 4);
    assert.equal(await cpusOf(cluster, 'db'), '0-3');
    assert.equal((await cluster.readDriverState()).nriPlugins.length, 1);
  });

  it('R10: the old pod takes the node back when the new one is taken away, as by a rollback', async (t) => {
    const driver = { env: podOfDaemonSet('dra-driver-cpu-bbbbb') };
    const cluster = await startCluster(t, { timing: 'podResyncMs=300', driver });
    const old = cluster.driver;
    await createClaimedPod(cluster, 'before', 3);
    const own = await cpusOf(cluster, 'before');
    await cluster.startDriver({ env: podOfDaemonSet('dra-driver-cpu-ccccc') });
    await cluster.driver?.kill();
    await waitFor('the old driver to take the node back', async () =>
      cluster.driverLog.includes('takes the node back'),
    );
    await waitFor('it to be with the runtime', async () => (await cluster.readDriverState()).nriPlugins.length === 1);
    await createClaimedPod(cluster, 'after', 3);
    assert.ok(areDisjoint(own, await cpusOf(cluster, 'after')));
    assert.equal(await cpusOf(cluster, 'before'), own);
    assert.equal(await old?.stop(), 0);
  });

  it('C12: a second installation on the node ends and names the first', async (t) => {
    const cluster = await startCluster(t, { driver: { env: podOfDaemonSet('dra-driver-cpu-bbbbb') } });
    const second = cluster.launchDriver({ env: podOfDaemonSet('other-ccccc') });
    assert.equal(await second.waitForExit(), 1);
    assert.match(cluster.driverLog, /pod kube-system\/dra-driver-cpu-bbbbb/);
    await createClaimedPod(cluster, 'db', 4);
    assert.equal(await cpusOf(cluster, 'db'), '0-3');
  });
});
