/** A driver that starts while CPUs are offline: what names mean, and what becomes of claims. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { pod } from '../../embedded/demo/demo-objects.ts';
import { type LocalCluster, waitFor } from '../../embedded/cluster/local-cluster.ts';
import { areDisjoint, cpusOf, skipReason, startCluster } from '../local-cluster.ts';

/** Four L3 caches of two cores each: 0-1, 2-3, 4-5, 6-7. */
const nodeArgs = ['--topology', 'pack:1 numa:1 l3:4 core:2'];
const INDIVIDUAL = '--cpu-device-mode=individual';
const BY_L3 = '--group-by=l3cache';

/** Creates a claim of one CPU that fits a CEL expression, and a pod of the same name that uses it. */
async function runClaim(cluster: LocalCluster, name: string, expression: string, capacity?: number): Promise<void> {
  const selectors = [{ cel: { expression } }];
  const amount = capacity === undefined ? {} : { capacity: { requests: { 'dra.cpu/cpu': `${capacity}` } } };
  const requests = [{ name: 'cpus', exactly: { deviceClassName: 'dra.cpu', selectors, ...amount } }];
  await cluster.api.create('resourceclaims', { metadata: { name }, spec: { devices: { requests } } });
  await cluster.api.create('pods', pod(name, { resourceClaimName: name }));
}

/** The published devices: name and what one of their integer attributes says. */
async function readDevices(cluster: LocalCluster, attribute: string): Promise<string[]> {
  const slices = await cluster.api.list('resourceslices');
  return slices
    .flatMap(({ spec }) => spec.devices ?? [])
    .map(({ name, attributes = {} }) => `${name}=${(attributes[`dra.cpu/${attribute}`] as { int?: number })?.int}`)
    .sort();
}

async function setOnline(cluster: LocalCluster, list: string): Promise<void> {
  await writeFile(join(cluster.node.ready.hostRoot, 'sys/devices/system/cpu/online'), `${list}\n`);
}

/** Starts the driver anew with these CPUs online, and waits until it publishes so many devices. */
async function restartWith(
  cluster: LocalCluster,
  mode: string,
  { online: list, count }: { online: string; count: number },
): Promise<void> {
  await cluster.driver?.kill();
  await setOnline(cluster, list);
  await cluster.startDriver({ args: [mode] });
  await waitFor(`${count} devices`, async () => (await readDevices(cluster, 'cpuID')).length === count);
}

const start = (t: TestContext, mode: string) =>
  startCluster(t, { nodeArgs, timing: 'podResyncMs=300', driver: { args: [mode] } });

describe('Driver and node as two processes: CPUs that are offline at the start', {
  skip: skipReason,
  concurrency: 3,
}, () => {
  it('names of single CPUs mean the same CPUs, and claims keep theirs', async (t) => {
    const cluster = await start(t, INDIVIDUAL);
    const all = await readDevices(cluster, 'cpuID');
    await runClaim(cluster, 'db', 'device.attributes["dra.cpu"].cpuID == 4');
    assert.equal(await cpusOf(cluster, 'db'), '4');
    await restartWith(cluster, INDIVIDUAL, { online: '2-7', count: 6 });
    assert.deepEqual(await readDevices(cluster, 'cpuID'), all.slice(2));
    await runClaim(cluster, 'second', 'device.attributes["dra.cpu"].cpuID == 6');
    assert.deepEqual([await cpusOf(cluster, 'db'), await cpusOf(cluster, 'second')], ['4', '6']);
    await restartWith(cluster, INDIVIDUAL, { online: '0-7', count: 8 });
    assert.deepEqual(await readDevices(cluster, 'cpuID'), all);
  });

  it('names of L3 caches mean the same caches', async (t) => {
    const cluster = await start(t, BY_L3);
    const all = await readDevices(cluster, 'cacheL3ID');
    await runClaim(cluster, 'db', 'device.attributes["dra.cpu"].cacheL3ID == 2', 2);
    const own = await cpusOf(cluster, 'db');
    assert.equal(own, '4-5');
    await restartWith(cluster, BY_L3, { online: '2-7', count: 3 });
    assert.deepEqual(await readDevices(cluster, 'cacheL3ID'), all.slice(1));
    await runClaim(cluster, 'second', 'device.attributes["dra.cpu"].cacheL3ID == 3', 1);
    assert.equal(await cpusOf(cluster, 'db'), own);
    assert.ok(areDisjoint(own, await cpusOf(cluster, 'second')));
  });

  for (const [kind, mode, count] of [
    ['single CPUs', INDIVIDUAL, 6],
    ['L3 caches', BY_L3, 3],
  ] as const) {
    it(`${kind}: where the notes on names are lost, claims keep CPUs and name, and no CPU is given twice`, async (t) => {
      const cluster = await start(t, mode);
      const attribute = count === 6 ? 'cpuID' : 'cacheL3ID';
      await runClaim(cluster, 'db', `device.attributes["dra.cpu"].${attribute} == ${count === 6 ? 4 : 2}`);
      const own = await cpusOf(cluster, 'db');
      await cluster.driver?.kill();
      await rm(join(cluster.node.ready.kubeletRoot, 'plugins/dra.cpu/device-names.json'));
      await restartWith(cluster, mode, { online: '2-7', count });
      const held = (await cluster.api.find('resourceclaims', 'db'))?.status?.allocation?.devices.results?.[0]?.device;
      const meaning = (await readDevices(cluster, attribute)).find((device) => device.startsWith(`${held}=`));
      assert.equal(meaning, `${held}=${count === 6 ? 4 : 2}`);
      const names = Array.from({ length: 3 }, (_, index) => `other-${index}`);
      for (const name of names) await runClaim(cluster, name, 'true');
      const others: string[] = [];
      for (const name of names) others.push(await cpusOf(cluster, name));
      assert.ok(areDisjoint(own, ...others), [own, ...others].join(' and '));
      assert.equal(await cpusOf(cluster, 'db'), own);
    });
  }
});
