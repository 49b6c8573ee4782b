import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { claimCdiDeviceId, claimSpecFileName, formatClaimSpec } from '../records/cdi-spec.ts';
import { Ledger } from '../claims/ledger.ts';
import { smtMachine } from '../claims/testing/fixtures.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { enumerateDevices } from '../devices/device.ts';
import { claimEnv, preparedClaim } from './testing/fixtures.ts';
import { silentLog } from '../lib/log.ts';
import { eventually } from '../lib/testing/eventually.ts';
import type { HookReport } from '../nri/index.ts';
import { startPlugin, startRuntime } from '../../embedded/runtime/testing/start-runtime.ts';
import type { RuntimeOptions } from '../../embedded/runtime/runtime.ts';
import { Pinning, type PinningOptions } from './pinning.ts';

const topology = smtMachine({ cores: 4 });
const devices = enumerateDevices(topology, { kind: 'grouped', groupBy: 'numanode' }, CpuSet.empty);
const machine = { driverName: 'dra.cpu', pool: 'node-a', topology, devices };

/** An embedded runtime, a ledger over its 8 CPUs and the pinning between them, started. */
async function startNode(
  context: TestContext,
  { runtime: runtimeOptions = {}, ...options }: { runtime?: Partial<RuntimeOptions> } & Partial<PinningOptions> = {},
) {
  const node = await startRuntime(context, runtimeOptions);
  const ledger = new Ledger({ allocatable: CpuSet.range(0, 7), reserved: CpuSet.empty });
  const hooks: HookReport[] = [];
  const findings: string[] = [];
  const newPinning = () =>
    new Pinning({
      ledger,
      machine: () => machine,
      nriSocketPath: node.nriSocketPath,
      hostRoot: '/nonexistent',
      unsolicitedUpdates: 'auto',
      listClaims: async () => [],
      records: { exclusively: (_, task) => task(), write: async () => {} },
      log: silentLog,
      nriLog: silentLog,
      driftIntervalMs: 20,
      onHook: (report) => hooks.push(report),
      onFinding: (finding) => findings.push(finding),
      ...options,
    });
  const pinning = newPinning();
  context.after(() => pinning.stop());
  /** Prepares a claim as the kubelet's call would: reserved, and its file written. */
  const prepare = async (uid: string, cpus: string, wishes: Parameters<typeof preparedClaim>[2] = {}) => {
    ledger.reserve(preparedClaim(uid, cpus, wishes));
    await writeFile(join(node.cdiDirectory, claimSpecFileName(uid)), formatClaimSpec({ uid, cpus }));
    pinning.claimsChanged();
  };
  const release = (uid: string) => {
    ledger.release(uid);
    pinning.claimsChanged();
  };
  const startClaimed = (uid: string) => node.startContainer(`db-${uid}`, [], [claimCdiDeviceId(uid)]);
  const cpusOf = async (id: string) => String(await node.runtime.actualCpus(id));
  const placeOf = async (id: string) => {
    const found = (await node.runtime.listContainers()).find((container) => container.id === id);
    return `${found?.cpus} memory ${found?.mems}`;
  };
  return { ...node, placeOf, ledger, pinning, newPinning, hooks, findings, prepare, release, startClaimed, cpusOf };
}

for (const nri of ['0.12', '0.8'] as const) {
  test(`Pinning N2, N3: shared containers shrink and grow with claims under NRI ${nri}`, async (context) => {
    const node = await startNode(context, { runtime: { nri } });
    node.pinning.start();
    assert.equal(await node.pinning.whenPinning(), undefined);
    const { id: web } = await node.startContainer('web');
    assert.equal(await node.cpusOf(web), '0-7');
    await node.prepare('u1', '2-3');
    const { id: db, sandbox } = await node.startClaimed('u1');
    assert.deepEqual([await node.cpusOf(db), await node.cpusOf(web)], ['2-3', '0-1,4-7']);
    await node.runtime.removePodSandbox(sandbox);
    node.release('u1');
    await eventually('widened', async () => (await node.cpusOf(web)) === '0-7');
  });
}

test('Pinning: what is due stays due when a container is removed, which has no answer for it', async (context) => {
  const node = await startNode(context, { runtime: { nri: '0.8' }, driftIntervalMs: 60_000 });
  node.pinning.start();
  assert.equal(await node.pinning.whenPinning(), undefined);
  const { id: web } = await node.startContainer('web');
  const { id: done } = await node.startContainer('done');
  await node.runtime.stopContainer(done, 0);
  // This runtime is not asked outside a hook, so that the next one's answer is to carry the update.
  await node.prepare('u1', '2-3');
  await node.runtime.removeContainer(done);
  const { id: db } = await node.startClaimed('u1');
  assert.deepEqual([await node.cpusOf(db), await node.cpusOf(web)], ['2-3', '0-1,4-7']);
});

for (const nri of ['0.12', '0.8'] as const) {
  test(`Pinning: a container with shared CPUs follows the pool under NRI ${nri}`, async (context) => {
    const node = await startNode(context, { runtime: { nri } });
    node.pinning.start();
    await node.pinning.whenPinning();
    await node.prepare('u1', '2-3', { sharesPool: true });
    const { id: mixed } = await node.startClaimed('u1');
    assert.equal(await node.cpusOf(mixed), '0-7');
    await node.prepare('u2', '4-5');
    const { sandbox } = await node.startClaimed('u2');
    assert.equal(await node.cpusOf(mixed), '0-3,6-7');
    await node.runtime.updateContainerResources(mixed, { cpusetCpus: '0-7' });
    assert.equal(await node.cpusOf(mixed), '0-3,6-7');
    await node.runtime.removePodSandbox(sandbox);
    node.release('u2');
    await eventually('widened', async () => (await node.cpusOf(mixed)) === '0-7');
  });
}

test('Pinning: a container is judged by the CPUs that are its own', async (context) => {
  const claimed: number[] = [];
  const node = await startNode(context, { onClaimed: ({ claimedCpus }) => claimed.push(claimedCpus) });
  node.pinning.start();
  await node.pinning.whenPinning();
  await node.prepare('u1', '2-3', { sharesPool: true });
  await node.startClaimed('u1');
  await node.startContainer('web');
  assert.deepEqual(claimed, [2]);
});

test('P17: Pinning knows what a container asks for, as it was created, changed, or found after a restart', async (context) => {
  const node = await startNode(context, {});
  node.pinning.start();
  await node.pinning.whenPinning();
  await node.prepare('u1', '2-3');
  const { id } = await node.startClaimed('u1');
  const requested = () => node.pinning.containers.find(id)?.facts.requestedMillis;
  assert.equal(requested(), undefined);
  await node.runtime.updateContainerResources(id, { cpuShares: 4_096 });
  assert.equal(requested(), 4_000);
  await node.runtime.updateContainerResources(id, { cpusetCpus: '0-7' });
  assert.equal(requested(), 4_000);
  await node.runtime.restart();
  await eventually('synchronised again', async () => node.pinning.whyNotPinning === undefined);
  assert.equal(requested(), 4_000);
});

test('Pinning: DRA_CPUSET tells a container its own CPUs, whatever its pod sets', async (context) => {
  const node = await startNode(context);
  node.pinning.start();
  await node.pinning.whenPinning();
  await node.prepare('u1', '2-3');
  await node.prepare('u2', '5', { sharesPool: true });
  const told = async (name: string, env: string[], uids: string[]) => {
    const { id } = await node.startContainer(name, env, uids.map(claimCdiDeviceId));
    const found = (await node.runtime.listContainers()).find((container) => container.id === id);
    return found?.env.filter((entry) => entry.startsWith('DRA_CPUSET='));
  };
  assert.deepEqual(await told('db', ['A=1'], ['u1']), ['DRA_CPUSET=2-3']);
  assert.deepEqual(await told('web', ['A=1'], []), []);
  assert.deepEqual(await told('forged', ['DRA_CPUSET=0-7'], []), ['DRA_CPUSET=']);
  assert.deepEqual(await told('mixed', ['DRA_CPUSET=0-7', 'B=2'], ['u2']), ['DRA_CPUSET=5']);
  await assert.rejects(told('twice', ['DRA_CPUSET=0', 'DRA_CPUSET=0-7'], []), /has DRA_CPUSET twice/);
});

test('Pinning: an update on its way widens no container onto CPUs that a claim got meanwhile', async (context) => {
  const node = await startNode(context, { runtime: { nri: '0.8' }, driftIntervalMs: 60 });
  await node.prepare('u0', '2-3');
  node.pinning.start();
  assert.equal(await node.pinning.whenPinning(), undefined);
  const { id: web } = await node.startContainer('web');
  const seen: string[] = [];
  // The runtime lets the plugin with the update in only after the silent one, whose 5 s are cut short below.
  const silent = connect(node.nriSocketPath);
  await once(silent, 'connect');
  node.release('u0');
  await setTimeout(200);
  await node.prepare('u1', '2-3');
  const { id: db } = await node.startClaimed('u1');
  seen.push(await node.cpusOf(web));
  silent.destroy();
  for (let look = 0; look < 100; look += 1) {
    seen.push(await node.cpusOf(web));
    await setTimeout(5);
  }
  assert.equal(await node.cpusOf(db), '2-3');
  assert.deepEqual([...new Set(seen)], ['0-1,4-7']);
});

test('Pinning: a claim’s container does not start beside shared ones whose update is on its way', async (context) => {
  const node = await startNode(context, { runtime: { nri: '0.8' }, driftIntervalMs: 60 });
  node.pinning.start();
  assert.equal(await node.pinning.whenPinning(), undefined);
  const { id: web } = await node.startContainer('web');
  // The plugin with the update waits behind the silent one.
  const silent = connect(node.nriSocketPath);
  await once(silent, 'connect');
  await node.prepare('u1', '2-3');
  await setTimeout(200);
  assert.equal(await node.cpusOf(web), '0-7');
  const { id: db } = await node.startClaimed('u1');
  assert.deepEqual([await node.cpusOf(db), await node.cpusOf(web)], ['2-3', '0-1,4-7']);
  silent.destroy();
});

test('Pinning.stop gives up an update on its way: another driver may have the node by now', async (context) => {
  const node = await startNode(context, { runtime: { nri: '0.8' }, driftIntervalMs: 60 });
  await node.prepare('u1', '2-3');
  node.pinning.start();
  assert.equal(await node.pinning.whenPinning(), undefined);
  const { id: web } = await node.startContainer('web');
  const silent = connect(node.nriSocketPath);
  await once(silent, 'connect');
  node.release('u1');
  await setTimeout(200);
  const startMs = performance.now();
  await node.pinning.stop();
  assert.ok(performance.now() - startMs < 1_000);
  silent.destroy();
  await eventually('the runtime has let everybody in', () => node.runtime.plugins.length === 0);
  await setTimeout(200);
  assert.equal(await node.cpusOf(web), '0-1,4-7');
});

test('Pinning: updates of an answer that another plugin made fail are in the next one', async (context) => {
  const node = await startNode(context, { driftIntervalMs: 60_000 });
  node.pinning.start();
  assert.equal(await node.pinning.whenPinning(), undefined);
  let fails = false;
  await startPlugin(context, node.nriSocketPath, {
    handlers: {
      createContainer: () => {
        if (fails) throw new RangeError('no');
        return {};
      },
    },
  });
  const { id: web } = await node.startContainer('web');
  node.ledger.reserve(preparedClaim('u1', '2-3'));
  const env = claimEnv('u1', '2-3');
  fails = true;
  await assert.rejects(node.startContainer('db', env), /no/);
  fails = false;
  const { id: db } = await node.startContainer('db', env);
  assert.deepEqual([await node.cpusOf(db), await node.cpusOf(web)], ['2-3', '0-1,4-7']);
});

test('Pinning N10: 500 containers are synchronised in one go, and all confined', async (context) => {
  const node = await startNode(context);
  for (let pod = 0; pod < 500; pod += 1) await node.startContainer(`pod-${pod}`);
  await node.prepare('u1', '2-3');
  node.pinning.start();
  await node.pinning.whenPinning();
  const all = () => node.runtime.listContainers();
  await eventually('confined', async () => (await all()).every(({ cpus }) => cpus === '0-1,4-7'));
  assert.equal(node.findings.filter((finding) => finding === 'missed').length, 500);
  const synchronize = node.hooks.find(({ hook }) => hook === 'Synchronize');
  assert.equal(synchronize?.outcome, 'answered');
});

test('Pinning N11: comes back after every restart of the runtime, and holds claims back meanwhile', async (context) => {
  const node = await startNode(context);
  node.pinning.start();
  await node.pinning.whenPinning();
  for (let round = 0; round < 3; round += 1) {
    await node.runtime.stop({ keepContainers: true });
    const { id } = await node.startContainer(`missed-${round}`);
    const waiting = node.pinning.whenPinning();
    await node.runtime.start();
    assert.equal(await waiting, undefined);
    await eventually('confined', async () => {
      const list = await node.runtime.listContainers();
      return list.find((container) => container.id === id)?.cpus === '0-7';
    });
  }
});

test('Pinning N12: connects while containers are being created', async (context) => {
  const node = await startNode(context);
  const creations = Array.from({ length: 40 }, (_, pod) => node.startContainer(`pod-${pod}`));
  node.pinning.start();
  assert.equal(await node.pinning.whenPinning(), undefined);
  await Promise.all(creations);
  await eventually('all confined', async () =>
    (await node.runtime.listContainers()).every(({ cpus }) => cpus === '0-7'),
  );
});

test('Pinning N15: claims come and go while the runtime tells its containers, and none is lost', async (context) => {
  const node = await startNode(context);
  const { id: web } = await node.startContainer('web');
  node.pinning.start();
  for (let block = 0; block < 20; block += 1) {
    const restarted = node.runtime.restart();
    for (let round = block * 50; round < block * 50 + 50; round += 1) {
      node.ledger.reserve(preparedClaim(`u${round}`, `${round % 7}`));
      node.ledger.release(`u${round - 1}`);
      node.pinning.claimsChanged();
      await setImmediate();
    }
    await restarted;
    await node.pinning.whenPinning();
    const last = block * 50 + 49;
    assert.deepEqual(
      node.ledger.claims.map(({ uid }) => uid),
      [`u${last}`],
    );
    const left = String(CpuSet.range(0, 7).difference(CpuSet.of(last % 7)));
    await eventually('the last claim’s CPU left alone', async () => (await node.cpusOf(web)) === left);
  }
});

test('Pinning: the plugin of a new instance takes over with the state as it is', async (context) => {
  const node = await startNode(context);
  node.pinning.start();
  await node.pinning.whenPinning();
  await node.prepare('u1', '2-3');
  const { id: db } = await node.startClaimed('u1');
  await node.pinning.stop();
  await node.pinning.stop();
  const { id: missed } = await node.startContainer('missed');
  const second = node.newPinning();
  context.after(() => second.stop());
  second.start();
  await second.whenPinning();
  await eventually('confined', async () => (await node.cpusOf(missed)) === '0-1,4-7');
  assert.equal(await node.cpusOf(db), '2-3');
  assert.deepEqual(
    second.containers.placed.map(({ podName, cpus, claimUids }) => [podName, String(cpus), claimUids]),
    [
      ['db-u1', '2-3', ['u1']],
      ['missed', '0-1,4-7', []],
    ],
  );
});

test('Pinning binds memory at creation, against the kubelet, and of containers that were created without it', async (context) => {
  const node = await startNode(context);
  await node.prepare('u1', '2-3', { memoryNodes: '1' });
  const { id: missed } = await node.startClaimed('u1');
  assert.equal(await node.placeOf(missed), ' memory ');
  node.pinning.start();
  await node.pinning.whenPinning();
  await eventually('bound', async () => (await node.placeOf(missed)) === '2-3 memory 1');
  await node.prepare('u2', '4', { memoryNodes: '0-1' });
  const { id } = await node.startClaimed('u2');
  assert.equal(await node.placeOf(id), '4 memory 0-1');
  await node.runtime.updateContainerResources(id, { cpusetCpus: '0-7', cpusetMems: '0' });
  assert.equal(await node.placeOf(id), '4 memory 0-1');
  const { id: web } = await node.startContainer('web');
  await node.runtime.updateContainerResources(web, { cpusetMems: '0' });
  assert.equal(await node.placeOf(web), '0-1,5-7 memory 0');
});
