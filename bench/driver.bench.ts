/**
 * The driver as a process of its own against the embedded node: from start to registered, one Prepare, sixteen claims in one
 * call, and the memory it keeps. Baselines of the same run: a bare `node` process that starts and ends, and one GET of a claim
 * from the same API server, without which no Prepare can be answered.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { DRAPluginDefinition } from '../src/gen/kubelet/dra-v1.ts';
import { callUnary } from '../src/lib/grpc-call.ts';
import { toGrpcMethods } from '../src/lib/grpc-methods.ts';
import { LocalCluster } from '../embedded/cluster/local-cluster.ts';

const MACHINE = 'pack:2 numa:1 l3:4 core:8 pu:2';
const MEMORY = '/dev/shm';
const DEVICES = ['cpudevnuma000', 'cpudevnuma001'];
const METHODS = toGrpcMethods(DRAPluginDefinition);
const WARM_UPS = 100;
const SINGLE_ROUNDS = 1_000;
const BATCH_ROUNDS = 30;
const BATCH_SIZE = 16;
const STARTS = 5;
const CALL_TIMEOUT_MS = 10_000;

type Claim = { uid: string; namespace: string; name: string };

function print(row: { bench: string; value: number; unit: string; baseline?: number; target?: number }): void {
  process.stdout.write(`${JSON.stringify({ ...row, value: Math.round(row.value * 1_000) / 1_000 })}\n`);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function time(action: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await action();
  return performance.now() - startMs;
}

function claimUrl(server: string, name: string): string {
  return `${server}/apis/resource.k8s.io/v1/namespaces/default/resourceclaims/${name}`;
}

/** Writes a claim's status, as the scheduler does. */
async function putStatus(server: string, name: string, claim: object): Promise<void> {
  const url = `${claimUrl(server, name)}/status`;
  const headers = { 'content-type': 'application/json' };
  const { ok, status } = await fetch(url, { method: 'PUT', headers, body: JSON.stringify(claim) });
  if (!ok) throw new Error(`Cannot write the status of claim ${name}: the API server answers ${status}`);
}

/** A claim that the scheduler has allocated 2 CPUs of a device. */
async function createAllocatedClaim(cluster: LocalCluster, name: string, device: string): Promise<Claim> {
  const created = await cluster.api.create('resourceclaims', {
    metadata: { name },
    spec: { devices: { requests: [{ name: 'cpus', exactly: { deviceClassName: 'dra.cpu' } }] } },
  });
  const result = {
    request: 'cpus',
    driver: 'dra.cpu',
    pool: cluster.node.ready.nodeName,
    device,
    shareID: crypto.randomUUID(),
    consumedCapacity: { 'dra.cpu/cpu': '2' },
  };
  const status = { allocation: { devices: { results: [result] } } };
  await putStatus(cluster.node.ready.server, name, { ...created, status });
  return { uid: created.metadata.uid, namespace: 'default', name };
}

/** Milliseconds of one plain GET of a claim. */
function timeGet(server: string, name: string): Promise<number> {
  return time(
    () =>
      new Promise((resolve, reject) => {
        get(claimUrl(server, name), (response) => response.resume().once('end', resolve)).once('error', reject);
      }),
  );
}

/** Resident memory of a process, in MiB. */
function readMemory(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1_024;
}

async function benchStart(cluster: LocalCluster): Promise<void> {
  const times: number[] = [];
  const plain: number[] = [];
  for (let round = 0; round < STARTS; round += 1) {
    await cluster.driver?.stop();
    times.push(await cluster.startDriver());
    plain.push(await time(async () => execFileSync(process.execPath, ['-e', '0'])));
  }
  print({
    bench: 'driver/start-to-registered/p50',
    value: quantile(times, 0.5),
    unit: 'ms',
    baseline: quantile(plain, 0.5),
    target: 300,
  });
}

async function benchPrepare(cluster: LocalCluster): Promise<void> {
  const { server, kubeletRoot } = cluster.node.ready;
  const client = new Client(`unix://${join(kubeletRoot, 'plugins/dra.cpu/dra.sock')}`, credentials.createInsecure());
  const options = (claims: Claim[]) => ({ request: { claims }, timeoutMs: CALL_TIMEOUT_MS });
  const prepare = async (claims: Claim[]) => {
    const answer = await callUnary(client, METHODS.nodePrepareResources, options(claims));
    const refused = Object.values(answer.claims).find(({ error }) => error !== '');
    if (refused) throw new Error(refused.error);
  };
  const unprepare = (claims: Claim[]) => callUnary(client, METHODS.nodeUnprepareResources, options(claims));

  const claims: Claim[] = [];
  for (let index = 0; index < BATCH_SIZE; index += 1) {
    claims.push(await createAllocatedClaim(cluster, `claim-${index}`, DEVICES[index % 2] ?? ''));
  }
  const [single] = claims.map((claim) => [claim]);
  if (!single) return;
  const prepares: number[] = [];
  const gets: number[] = [];
  for (let round = 0; round < WARM_UPS + SINGLE_ROUNDS; round += 1) {
    const ms = await time(() => prepare(single));
    await unprepare(single);
    const getMs = await timeGet(server, 'claim-0');
    if (round < WARM_UPS) continue;
    prepares.push(ms);
    gets.push(getMs);
  }
  print({
    bench: 'driver/prepare/p50',
    value: quantile(prepares, 0.5),
    unit: 'ms',
    baseline: quantile(gets, 0.5),
    target: 3,
  });
  print({ bench: 'driver/prepare/p99', value: quantile(prepares, 0.99), unit: 'ms', baseline: quantile(gets, 0.99) });

  const batches: number[] = [];
  for (let round = 0; round < BATCH_ROUNDS; round += 1) {
    batches.push(await time(() => prepare(claims)));
    await unprepare(claims);
  }
  print({
    bench: `driver/prepare-${BATCH_SIZE}-in-one-call/p50`,
    value: quantile(batches, 0.5),
    unit: 'ms',
    baseline: quantile(gets, 0.5) * BATCH_SIZE,
    target: 25,
  });
  client.close();
}

/** In memory where there is such a file system, as /run of a node is: an fsync on a disk takes as long as all the rest. */
const cdiDirectory = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'dracpu-cdi-'));
const cluster = await LocalCluster.start({
  program: ['bin/dracpu'],
  nodeArgs: ['--topology', MACHINE, '--simulate-containers'],
  driverArgs: [`--cdi-dir=${cdiDirectory}`],
});
try {
  await benchStart(cluster);
  const pid = cluster.driver?.pid ?? 0;
  print({ bench: 'driver/memory/idle', value: readMemory(pid), unit: 'MiB' });
  await benchPrepare(cluster);
  print({ bench: 'driver/memory/after-load', value: readMemory(pid), unit: 'MiB', target: 80 });
} finally {
  await cluster.stop();
  rmSync(cdiDirectory, { recursive: true });
}
