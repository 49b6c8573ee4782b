/** Runs the objects of every tutorial on an embedded node, and compares the CPUs with those that the page shows. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { stringify } from 'yaml';
import { type LocalCluster, waitFor } from '../../embedded/cluster/local-cluster.ts';
import { skipReason, startConfigured } from '../local-cluster.ts';
import { startDeviceDriver } from './device-driver.ts';
import { makePods, readTutorial, type Result } from './tutorial.ts';

/** The machine of the tutorials (docs/tutorials/README.md). */
const MACHINE = 'pack:2 numa:1 l3:2 core:8 pu:2';

const PLURALS: Readonly<Record<string, string>> = { ResourceClaimTemplate: 'resourceclaimtemplates', Pod: 'pods' };

const tutorials = globSync('docs/tutorials/*.md')
  .map((path) => basename(path, '.md'))
  .filter((name) => name !== 'README');

/** What a page says besides its table; also starts what it expects to be installed. */
interface Extra {
  readonly before?: (t: TestContext, cluster: LocalCluster) => Promise<void>;
  readonly after?: (cluster: LocalCluster) => Promise<void>;
}

async function readMemory(cluster: LocalCluster, pod: string): Promise<string> {
  return (await cluster.waitForContainer(pod)).mems;
}

const extras: Readonly<Record<string, Extra>> = {
  dpdk: { after: async (cluster) => assert.equal(await readMemory(cluster, 'forwarder'), '0') },
  'virtual-machine': { after: async (cluster) => assert.equal(await readMemory(cluster, 'guest'), '0') },
  vllm: { after: async (cluster) => assert.equal(await readMemory(cluster, 'inference'), '0-1') },
  mpi: {
    after: async (cluster) => {
      const memory = [0, 1].map((index) => readMemory(cluster, `simulation-worker-${index}`));
      assert.deepEqual(await Promise.all(memory), ['0', '1']);
      const { actual } = await cluster.waitForContainer('simulation-launcher');
      assert.equal(actual, '0,16,32,48', 'the launcher runs on the reserved CPUs');
    },
  },
  'aligned-devices': {
    before: async (t, cluster) => {
      const gpus = { 'gpu-0': 0, 'gpu-1': 0, 'gpu-2': 1, 'gpu-3': 1 };
      await startDeviceDriver(t, cluster, { name: 'gpu.example.com', devices: gpus });
      await startDeviceDriver(t, cluster, { name: 'nic.example.com', devices: { 'nic-0': 0, 'nic-1': 1 } });
    },
    after: assertThirdTrainerWaits,
  },
};

/** A third pod of the same kind finds no network interface that is free. */
async function assertThirdTrainerWaits(cluster: LocalCluster): Promise<void> {
  const [manifest] = readTutorial('aligned-devices').manifests.filter(({ kind }) => kind === 'Pod');
  assert.ok(manifest);
  await cluster.api.create('pods', { ...manifest, metadata: { name: 'trainer-2' } });
  const message = await waitFor('an event of trainer-2', async () => {
    const events = await cluster.api.list('events');
    return events.find(({ involvedObject }) => involvedObject.name === 'trainer-2')?.message;
  });
  assert.match(message, /nic/);
}

/** What the claims of a pod were allocated: CPUs and names of devices, each in the order of the results. */
async function readClaims(cluster: LocalCluster, pod: string): Promise<{ cpus: string; devices: string[] }> {
  const claims = await cluster.api.list('resourceclaims');
  const own = claims.filter(({ metadata }) => metadata.ownerReferences?.some(({ name }) => name === pod));
  const devices = own.flatMap(({ status }) => status?.allocation?.devices?.results?.map(({ device }) => device) ?? []);
  const sets = own.flatMap(({ status }) => (status?.devices ?? []).map(({ data }) => data?.['cpuset'] as string));
  return { cpus: sets.join(','), devices };
}

/** Whether both lists have the same items in any order. */
function assertSameItems(actual: readonly string[], wanted: string | undefined, what: string): void {
  assert.deepEqual(new Set(actual), new Set((wanted ?? '').split(/, */)), what);
}

async function assertResult(cluster: LocalCluster, result: Result): Promise<void> {
  const { pod = '', container = '', devices } = result;
  const report = await cluster.waitForContainer(pod, ({ name }) => name === container);
  const exclusive = result['exclusive CPUs'] ?? '';
  const allowed = result['allowed CPUs'] ?? exclusive;
  assert.equal(report.actual, allowed, `allowed CPUs of ${pod}/${container}`);
  if (exclusive === '') return;
  const claims = await waitFor(`the status of the claims of ${pod}`, async () => {
    const read = await readClaims(cluster, pod);
    return read.cpus !== '' && read;
  });
  assertSameItems(claims.cpus.split(','), exclusive, `exclusive CPUs of ${pod}`);
  if (devices !== undefined) assertSameItems(claims.devices, devices, `devices of ${pod}`);
}

/** Gives the node the label by which pods of the tutorials select it, and memory for the largest of them. */
async function prepareNode({ api, node }: LocalCluster): Promise<void> {
  const found = await api.find('nodes', node.ready.nodeName);
  assert.ok(found);
  const metadata = { ...found.metadata, labels: { ...found.metadata.labels, pool: 'dpdk' } };
  await api.replace('nodes', { ...found, metadata });
  const url = `${node.ready.server}/api/v1/nodes/${node.ready.nodeName}/status`;
  const answer = await fetch(url, {
    method: 'PATCH',
    headers: { 'content-type': 'application/merge-patch+json' },
    body: JSON.stringify({ status: { allocatable: { memory: '256Gi' } } }),
  });
  assert.equal(answer.status, 200);
}

describe('docs/tutorials', { skip: skipReason, concurrency: 2 }, () => {
  for (const name of tutorials) {
    const { manifests, driverConfig, results } = readTutorial(name);

    it(`${name}: its containers run on the CPUs that the page shows`, async (t) => {
      const cluster = await startConfigured(t, {
        config: stringify(driverConfig),
        nodeArgs: ['--topology', MACHINE, '--simulate-containers'],
      });
      await prepareNode(cluster);
      await extras[name]?.before?.(t, cluster);
      const objects = manifests.filter(({ kind }) => kind === 'ResourceClaimTemplate');
      for (const object of [...objects, ...manifests.flatMap(makePods)]) {
        await cluster.api.create(PLURALS[(object as { kind: string }).kind] ?? '', object);
      }
      assert.ok(results.length > 0);
      for (const result of results) await assertResult(cluster, result);
      await extras[name]?.after?.(cluster);
    });

    it(`${name}: dracpu validate finds nothing in its objects`, () => {
      const input = manifests
        .flatMap((manifest) => (manifest.kind === 'MPIJob' ? makePods(manifest) : [manifest]))
        .map((object) => stringify(object))
        .join('---\n');
      const run = spawnSync(process.execPath, ['src/cli/main.ts', 'validate', '-f', '-'], { input, encoding: 'utf8' });
      assert.equal(run.status, 0, run.stdout + run.stderr);
    });
  }
});
