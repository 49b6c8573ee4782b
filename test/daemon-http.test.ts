import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../src/lib/testing/eventually.ts';
import { deviceClass, pod, resourceClaim } from '../embedded/demo/demo-objects.ts';
import { LocalCluster } from '../embedded/cluster/local-cluster.ts';
import type { Program } from '../embedded/cluster/node-process.ts';

const PROGRAM: Program = [process.execPath, new URL('../src/cli/main.ts', import.meta.url).pathname];
const DEADLINE_MS = 30_000;

async function listen(): Promise<Server> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** A port that nobody listens on. */
async function findFreePort(): Promise<number> {
  const server = await listen();
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

interface CpuMap {
  runtime: string;
  cpus: { claimed: string; free: string };
  claims: { claim: string; cpus: string; containers: string[] }[];
  conditions: { name: string; ok: boolean }[];
  findings: { check: string; message: string }[];
}

describe('the driver’s HTTP server on an embedded node', { timeout: 240_000 }, () => {
  let cluster: LocalCluster;
  let port: number;

  const ask = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: answer.status, body: await answer.text() };
  };
  const readMap = async () => JSON.parse((await ask('/topology.json?machine=no')).body) as CpuMap;
  const readMetric = async (name: string) => {
    const { body } = await ask('/metrics');
    return Number(
      body
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.slice(name.length),
    );
  };

  before(async () => {
    port = await findFreePort();
    cluster = await LocalCluster.start({
      program: PROGRAM,
      nodeArgs: ['--topology', 'pack:2 core:4 pu:2', '--simulate-containers'],
      driverArgs: [`--bind-address=127.0.0.1:${port}`],
    });
    await cluster.startDriver();
    await cluster.api.create('deviceclasses', deviceClass());
  });
  after(async () => {
    await cluster?.stop();
  });

  it('is ready when runtime, kubelet and API server know the driver', async () => {
    await eventually('ready', async () => (await ask('/readyz')).status === 200, DEADLINE_MS);
    const { body } = await ask('/readyz');
    for (const name of ['started', 'nri-synchronized', 'kubelet-registered', 'slices-published', 'cpu-manager-off']) {
      assert(body.includes(`[+]${name} ok\n`), body);
    }
    assert.deepEqual(await ask('/healthz'), { status: 200, body: 'ok' });
    assert.deepEqual(await ask('/livez'), { status: 200, body: 'ok' });
    assert.match((await ask('/topology')).body, /<title>CPUs of /);
    assert.match((await readMap()).runtime, /^embedded v[\d.]+, NRI v[\d.]+$/);
  });

  it('C7: shows the claim of a pod in map and metrics while it is there, and one log line for each decision', async () => {
    assert.equal((await readMap()).cpus.claimed, '');
    await cluster.api.create('resourceclaims', resourceClaim('db', 4));
    await cluster.api.create('pods', pod('db', { resourceClaimName: 'db' }));
    const { cpus } = await cluster.waitForContainer('db');
    const map = await readMap();
    assert.equal(map.cpus.claimed, cpus);
    assert.deepEqual(
      map.claims.map((claim) => [claim.claim, claim.cpus, claim.containers]),
      [['default/db', cpus, ['default/db/main']]],
    );
    assert.equal(await readMetric('dra_cpu_allocated_cpus'), 4);
    assert.equal(await readMetric('dra_cpu_available_cpus'), 12);
    assert.equal(await readMetric('dra_cpu_resource_claims_active'), 1);
    assert.equal(await readMetric('dra_cpu_prepare_claims_total{result="success"}'), 1);
    const [claim] = await cluster.api.list('resourceclaims');
    for (const path of ['/topology', '/topology.json', '/metrics', '/readyz', '/healthz', '/livez']) {
      const { body: shown } = await ask(path);
      assert.doesNotMatch(shown, /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/, path);
      assert(!shown.includes(claim?.metadata.uid ?? 'no claim'), path);
    }
    const lines = cluster.driverLog.split('\n');
    const prepared = lines.filter((line) => line.includes('"claim prepared" claim="default/db"'));
    assert.equal(prepared.length, 1);
    assert.match(
      prepared[0] ?? '',
      /^I\d{4} [\d:.]+ +\d+ claims\] "claim prepared" claim="default\/db" uid="[^"]+" cpus="[\d,-]+"/,
    );
    const placed = lines.filter((line) => line.includes('"container placed" container="default/db/main"'));
    assert.equal(placed.length, 1);
    assert.match(placed[0] ?? '', /cpus="[\d,-]+" claims="default\/db"/);
    await cluster.deletePod('db');
    await eventually(
      'the CPUs to be free',
      async () => (await readMetric('dra_cpu_allocated_cpus')) === 0,
      DEADLINE_MS,
    );
    assert.deepEqual((await readMap()).claims, []);
  });

  it('C11: an idle driver writes nothing while its rounds go on', async () => {
    // The bound is ten lines in ten minutes. Cpusets and sockets are looked at every five seconds, the rest more seldom and with
    // silence tested beside it; two rounds tell one line a round from none.
    const before = cluster.driverLog;
    const startMs = performance.now();
    await eventually('two rounds', () => performance.now() - startMs > 11_000, DEADLINE_MS);
    assert.equal(cluster.driverLog.slice(before.length), '');
  });

  it('C12: a second installation is refused with the name of the first', async () => {
    const { ready } = cluster.node;
    const [file, ...first] = PROGRAM;
    const flags = [
      `--kubeconfig=${ready.kubeconfig}`,
      `--kubelet-root-dir=${ready.kubeletRoot}`,
      `--nri-socket=${ready.nriSocket}`,
      `--cdi-dir=${ready.cdiDirectory}`,
      '--bind-address=',
    ];
    const env = {
      ...process.env,
      NODE_NAME: ready.nodeName,
      HOST_ROOT: ready.hostRoot,
      POD_NAME: 'other-b9b9b',
      POD_NAMESPACE: 'cpu',
      POD_UID: 'u2',
    };
    const second = spawn(file, [...first, ...flags], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let told = '';
    second.stderr.setEncoding('utf8').on('data', (text: string) => {
      told += text;
    });
    const [code] = (await once(second, 'exit')) as [number];
    assert.equal(code, 1, told);
    assert.match(told, /Cannot start pod cpu\/other-b9b9b: process \d+ on .* manages the CPUs of this node/);
  });

  it('C5: a port in use is an error that names the flag', async () => {
    const server = await listen();
    const taken = (server.address() as AddressInfo).port;
    try {
      await cluster.driver?.stop();
      const [file, ...first] = PROGRAM;
      const { ready } = cluster.node;
      const flags = [
        `--kubeconfig=${ready.kubeconfig}`,
        `--kubelet-root-dir=${ready.kubeletRoot}`,
        `--cdi-dir=${ready.cdiDirectory}`,
      ];
      const env = { ...process.env, NODE_NAME: ready.nodeName, HOST_ROOT: ready.hostRoot };
      const driver = spawn(file, [...first, ...flags, `--bind-address=127.0.0.1:${taken}`], {
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let told = '';
      driver.stderr.setEncoding('utf8').on('data', (text: string) => {
        told += text;
      });
      const [code] = (await once(driver, 'exit')) as [number];
      assert.equal(code, 1, told);
      assert.match(
        told,
        new RegExp(`Cannot serve HTTP on \\\\"127.0.0.1:${taken}\\\\": another program listens there`),
      );
    } finally {
      server.close();
    }
  });

  it('C3: the kubelet’s static CPU manager taints the devices, makes the driver unready and is named with the remedy', async () => {
    const state = '{"policyName":"static","defaultCpuSet":"0-15","entries":{},"checksum":1}';
    await writeFile(join(cluster.node.ready.kubeletRoot, 'cpu_manager_state'), state);
    await cluster.startDriver();
    await eventually(
      'the finding',
      async () => (await readMap().catch(() => undefined))?.findings.length === 1,
      DEADLINE_MS,
    );
    const { status, body } = await ask('/readyz');
    assert.equal(status, 503);
    assert.match(body, /\[-\]cpu-manager-off failed: .*"static".*cpuManagerPolicy: "none"/);
    assert.equal(await readMetric('dra_cpu_ready{condition="cpu-manager-off"}'), 0);
    await eventually(
      'the taint',
      async () => {
        const [slice] = await cluster.api.list('resourceslices');
        return (slice?.spec.devices ?? []).every(({ taints = [] }) => taints[0]?.key === 'dra.cpu/conflict');
      },
      DEADLINE_MS,
    );
    assert.match(cluster.driverLog, /preflight\] "preflight check failed" check="kubelet-cpu-manager"/);
  });
});
