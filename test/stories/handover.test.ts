import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { basename, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Client, credentials } from '@grpc/grpc-js';
import { type LocalCluster, type StartDriverOptions, waitFor } from '../../embedded/cluster/local-cluster.ts';
import { DRAPluginDefinition } from '../../src/gen/kubelet/dra-v1.ts';
import { callUnary } from '../../src/lib/grpc-call.ts';
import { toGrpcMethods } from '../../src/lib/grpc-methods.ts';
import { areDisjoint, cpusOf, createClaimedPod, skipReason, startCluster } from '../local-cluster.ts';

const DRA = toGrpcMethods(DRAPluginDefinition);
const UNANSWERED = 'Took over the node from a driver that did not answer';

/** A pod of the DaemonSet, as a driver sees itself. */
function podOfDaemonSet(suffix: string) {
  const uid = randomUUID();
  const env = { POD_UID: uid, POD_NAME: `dra-driver-cpu-${suffix}`, POD_NAMESPACE: 'kube-system' };
  return { uid, env };
}

/** The first line of a holder of the same installation. */
const GREETING = `${JSON.stringify({
  release: 'kube-system/dra-driver-cpu',
  holder: 'pod kube-system/dra-driver-cpu-zzzzz',
  version: '0.1.0',
})}\n`;

const pluginDirectory = (cluster: LocalCluster) => join(cluster.node.ready.kubeletRoot, 'plugins/dra.cpu');
const holderSocket = (cluster: LocalCluster) => join(pluginDirectory(cluster), 'holder.sock');

/** A program of the test's own in the place of the driver that holds the node. */
async function holdNode(t: TestContext, path: string, serve: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => serve(socket.on('error', () => {}))).listen(`${path}.new`);
  t.after(() => server.close());
  await once(server, 'listening');
  await rename(`${path}.new`, path);
  return server;
}

/** A node whose driver was killed and left its socket. */
async function startWithoutDriver(t: TestContext): Promise<LocalCluster> {
  const cluster = await startCluster(t, { driver: podOfDaemonSet('bbbbb') });
  await cluster.driver?.kill();
  return cluster;
}

/** Calls NodePrepareResources at the socket of one driver; the CDI devices or the error. */
async function prepareAt(cluster: LocalCluster, podUid: string, claim: { uid: string; name: string }): Promise<string> {
  const client = new Client(
    `unix://${join(pluginDirectory(cluster), `dra-${podUid}.sock`)}`,
    credentials.createInsecure(),
  );
  try {
    const request = { claims: [{ ...claim, namespace: 'default' }] };
    const { claims } = await callUnary(client, DRA.nodePrepareResources, { request, timeoutMs: 20_000 });
    const answer = claims[claim.uid];
    return answer?.error || (answer?.devices ?? []).flatMap(({ cdiDeviceIds }) => cdiDeviceIds).join();
  } finally {
    client.close();
  }
}

/** Two drivers of one installation of which the first one was frozen while the second one took the node. */
async function takeFromFrozen(t: TestContext, { withSocket }: { readonly withSocket: boolean }) {
  const old = podOfDaemonSet('bbbbb');
  const cluster = await startCluster(t, { driver: old });
  await createClaimedPod(cluster, 'before', 2);
  const before = await cpusOf(cluster, 'before');
  const frozen = cluster.driver?.pid ?? 0;
  process.kill(frozen, 'SIGSTOP');
  if (!withSocket) await rm(holderSocket(cluster));
  await cluster.startDriver(podOfDaemonSet('ccccc'));
  await createClaimedPod(cluster, 'during', 2);
  const during = await cpusOf(cluster, 'during');
  process.kill(frozen, 'SIGCONT');
  return { cluster, old, before, during };
}

describe('Driver and node as two processes: who holds the node', { skip: skipReason, concurrency: 3 }, () => {
  for (const withSocket of [false, true]) {
    const what = withSocket ? 'was frozen' : 'was frozen and lost holder.sock';
    it(`C12: a driver that ${what} decides nothing beside its successor`, async (t) => {
      const { cluster, old, before, during } = await takeFromFrozen(t, { withSocket });
      await waitFor('the old driver to notice', async () =>
        cluster.driverLog.includes('Handing calls on to the driver'),
      );
      await waitFor('one driver to be with the runtime', async () => {
        return (await cluster.readDriverState()).nriPlugins.length === 1;
      });
      assert.equal(cluster.driverLog.includes(UNANSWERED), withSocket);
      // What the old one answers is what the new one decides.
      await createClaimedPod(cluster, 'after', 2);
      const after = await cpusOf(cluster, 'after');
      assert.ok(areDisjoint(before, during, after), `${before} ${during} ${after}`);
      const uid = (await cluster.api.find('resourceclaims', 'during'))?.metadata.uid ?? '';
      const answer = await prepareAt(cluster, old.uid, { uid, name: 'during' });
      assert.match(answer, new RegExp(`^dra\\.k8s\\.io/cpu=claim-${uid}`));
      assert.equal(await cpusOf(cluster, 'during'), during);
    });
  }

  for (const [what, greeting] of [
    ['says nothing', ''],
    ['says half a line', GREETING.slice(0, 40)],
    ['says who it is and never hands over', GREETING],
  ] as const) {
    it(`C12: a holder that ${what} is fenced off with a warning`, async (t) => {
      const cluster = await startWithoutDriver(t);
      await holdNode(t, holderSocket(cluster), (socket) => socket.write(greeting));
      await cluster.startDriver(podOfDaemonSet('ccccc'));
      assert.ok(cluster.driverLog.includes(UNANSWERED));
      await createClaimedPod(cluster, 'db', 4);
      assert.equal(await cpusOf(cluster, 'db'), '0-3');
    });
  }

  it('C12: a holder that dies before its first line is asked again', async (t) => {
    const cluster = await startWithoutDriver(t);
    let deaths = 0;
    const server = await holdNode(t, holderSocket(cluster), (socket) => {
      deaths += 1;
      socket.destroy();
      if (deaths === 5) server.close();
    });
    await cluster.startDriver(podOfDaemonSet('ccccc'));
    assert.equal(deaths, 5);
    assert.ok(!cluster.driverLog.includes(UNANSWERED));
  });

  it('C12: what answers as no driver does makes the start fail with a message and code 1', async (t) => {
    const cluster = await startWithoutDriver(t);
    for (const greeting of ['hello\n', '{"release":[]}\n', 'x'.repeat(100_000)]) {
      const server = await holdNode(t, holderSocket(cluster), (socket) => socket.write(greeting));
      const driver = cluster.launchDriver(podOfDaemonSet('ccccc'));
      assert.equal(await driver.waitForExit(), 1);
      server.close();
    }
    assert.equal(cluster.driverLog.match(/an unknown program answers on/g)?.length, 3);
  });

  it('C12: sockets of three killed pods are removed, and nothing else', async (t) => {
    const drivers: (StartDriverOptions & { uid: string })[] = ['bbbbb', 'ccccc', 'ddddd'].map(podOfDaemonSet);
    const cluster = await startCluster(t, { driver: drivers[0] });
    for (const next of drivers.slice(1)) {
      await cluster.driver?.kill();
      await cluster.startDriver(next);
    }
    await cluster.driver?.kill();
    const { kubeletRoot } = cluster.node.ready;
    const [registry, plugin] = [join(kubeletRoot, 'plugins_registry'), pluginDirectory(cluster)];
    const listStale = async () =>
      (await Promise.all([registry, plugin].map((directory) => readdir(directory))))
        .flat()
        .filter((name) => drivers.some(({ uid }) => name.includes(uid)));
    assert.equal((await listStale()).length, 6, 'each left two');
    const kept = [join(plugin, `dra-${randomUUID()}.sock`), join(registry, 'gpu.example.com-reg.sock')];
    await writeFile(kept[0] ?? '', 'a file');
    (await holdNode(t, kept[1] ?? '', () => {})).close();
    const last = podOfDaemonSet('fffff');
    await cluster.startDriver(last);
    await waitFor('the sockets to go', async () => (await listStale()).length === 0);
    for (const path of kept) assert.ok(existsSync(path), basename(path));
    for (const path of [`${registry}/dra.cpu-${last.uid}-reg.sock`, `${plugin}/dra-${last.uid}.sock`]) {
      assert.ok(existsSync(path), basename(path));
    }
    await createClaimedPod(cluster, 'db', 4);
    assert.equal(await cpusOf(cluster, 'db'), '0-3');
  });
});
