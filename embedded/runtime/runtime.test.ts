import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { CpuSet } from '../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../src/cpuset/parse.ts';
import { eventually } from '../../src/lib/testing/eventually.ts';
import { containerMems, cpusetAdjustment, cpusetUpdate } from '../../src/nri/messages.ts';
import { RuntimeError } from './runtime-error.ts';
import { startPlugin, startRuntime } from './testing/start-runtime.ts';

const ownStatus = await readFile('/proc/self/status', 'utf8');
const ownCpus = parseCpuList(/Cpus_allowed_list:\s*(\S+)/.exec(ownStatus)?.[1] ?? '');

test('Runtime pins a real process from its start, and moves it live', async (context) => {
  if (ownCpus.size < 2) return context.skip('this machine has one CPU');
  const { runtime, nriSocketPath, startContainer } = await startRuntime(context, {
    launcher: 'process',
    cpus: ownCpus,
  });
  const [first, second] = ownCpus.toArray();
  await startPlugin(context, nriSocketPath, {
    handlers: {
      createContainer: () => ({ adjustment: cpusetAdjustment(`${first}`) }),
      updateContainer: ({ container }) => [cpusetUpdate(container.id, `${second}`)],
    },
  });
  const { id, sandbox } = await startContainer('db', ['GREETING=hello world']);
  assert.equal(String(await runtime.actualCpus(id)), `${first}`);
  const [status] = await runtime.listContainers();
  await eventually('its environment', async () =>
    (await readFile(`/proc/${status?.pid}/environ`, 'utf8')).includes('GREETING=hello world\0'),
  );
  await runtime.updateContainerResources(id, { cpuShares: 2 });
  assert.equal(String(await runtime.actualCpus(id)), `${second}`);
  await runtime.removePodSandbox(sandbox);
  assert.ok(!existsSync(`/proc/${status?.pid}`));
  assert.deepEqual(await runtime.listContainers(), []);
});

test('Runtime keeps containers over its restart and ends them all when it stops', async (context) => {
  const { runtime, startContainer } = await startRuntime(context, { launcher: 'process', cpus: ownCpus });
  const { id } = await startContainer('db');
  const [before] = await runtime.listContainers();
  await runtime.restart();
  const [after] = await runtime.listContainers();
  assert.deepEqual(after, before);
  assert.ok((await runtime.actualCpus(id)).equals(ownCpus));
  await runtime.stop();
  await runtime.stop();
  assert.ok(!existsSync(`/proc/${before?.pid}`));
});

test('Runtime starts a container on CPUs that are not there not at all', async (context) => {
  const { runtime, nriSocketPath, startContainer } = await startRuntime(context);
  const handlers = { createContainer: () => ({ adjustment: cpusetAdjustment('8') }) };
  await startPlugin(context, nriSocketPath, { handlers });
  await assert.rejects(startContainer('db'), (error) => (error as RuntimeError).code === 'CannotSetCpus');
  assert.deepEqual(
    (await runtime.listContainers()).map(({ state }) => state),
    ['created'],
  );
});

test('Runtime goes on when an update inside a creation fails', async (context) => {
  const { runtime, nriSocketPath, startContainer } = await startRuntime(context);
  const { id } = await startContainer('web');
  const handlers = { createContainer: () => ({ updates: [cpusetUpdate(id, '99')] }) };
  await startPlugin(context, nriSocketPath, { handlers });
  await startContainer('db');
  assert.ok((await runtime.actualCpus(id)).equals(CpuSet.range(0, 7)));
});

test('Runtime fails a creation whose reply names a container twice or itself', async (context) => {
  const { nriSocketPath, startContainer } = await startRuntime(context);
  const { id } = await startContainer('web');
  let twice = true;
  await startPlugin(context, nriSocketPath, {
    handlers: {
      createContainer: ({ container }) => ({
        updates: twice ? [cpusetUpdate(id, '0'), cpusetUpdate(id, '0')] : [cpusetUpdate(container.id, '0')],
      }),
    },
  });
  await assert.rejects(startContainer('db'), /both tried to set CPU pinning/);
  twice = false;
  await assert.rejects(startContainer('db'), /asked update of ".*" during creation/);
});

test('Runtime tells of a container that ends by itself once', async (context) => {
  const { runtime, nriSocketPath } = await startRuntime(context, { launcher: 'process', cpus: ownCpus });
  const stopped: string[] = [];
  await startPlugin(context, nriSocketPath, {
    handlers: {
      stopContainer: ({ container }) => {
        stopped.push(container.id);
        return [];
      },
    },
  });
  const sandbox = await runtime.runPodSandbox({ uid: 'u', name: 'job', namespace: 'shop' });
  const config = { name: 'main', image: 'busybox', command: ['true'], env: [], cdiDeviceIds: [] };
  const id = await runtime.createContainer(sandbox, config);
  await runtime.startContainer(id);
  await eventually('the end', () => stopped.length > 0);
  await runtime.stopContainer(id, 100);
  assert.deepEqual(stopped, [id]);
});

test('Runtime drops a plugin that does not register in time and lets the next one in', async (context) => {
  const { nriSocketPath } = await startRuntime(context, { timeouts: { registrationTimeoutMs: 50 } });
  const silent = net.connect(nriSocketPath);
  context.after(() => silent.destroy());
  await new Promise((done) => silent.once('connect', done));
  const closed = new Promise((done) => silent.once('close', done));
  await startPlugin(context, nriSocketPath, { handlers: {} });
  silent.resume();
  await closed;
});

const device = (env: string[], cdiVersion = '0.8.0') => ({
  cdiVersion,
  kind: 'a.com/cpu',
  devices: [{ name: 'x', containerEdits: { env } }],
});

const mountingDevice = {
  cdiVersion: '0.8.0',
  kind: 'a.com/cpu',
  devices: [{ name: 'x', containerEdits: { mounts: [{ hostPath: '/a', containerPath: '/b' }] } }],
};

const specs: { what: string; files: Record<string, unknown>; resolves: boolean }[] = [
  { what: 'a device in a file', files: { 'a.json': device(['A=1']) }, resolves: true },
  { what: 'a file that is broken beside it', files: { 'a.json': device(['A=1']), 'b.json': '{' }, resolves: true },
  { what: 'no file', files: {}, resolves: false },
  { what: 'a file of another ending', files: { 'a.txt': device(['A=1']) }, resolves: false },
  { what: 'a device in two files', files: { 'a.json': device(['A=1']), 'b.json': device(['A=1']) }, resolves: false },
  { what: 'an entry without =', files: { 'a.json': device(['A']) }, resolves: false },
  { what: 'a device that only mounts', files: { 'a.json': mountingDevice }, resolves: true },
  { what: 'a device without edits', files: { 'a.json': device([]) }, resolves: false },
  { what: 'a version of the future', files: { 'a.json': device(['A=1'], '1.1.0') }, resolves: false },
];

for (const { what, files, resolves } of specs) {
  test(`Runtime ${resolves ? 'resolves' : 'does not resolve'} a CDI device with ${what}`, async (context) => {
    const { runtime, cdiDirectory } = await startRuntime(context);
    for (const [name, spec] of Object.entries(files)) {
      await writeFile(join(cdiDirectory, name), typeof spec === 'string' ? spec : JSON.stringify(spec));
    }
    const sandbox = await runtime.runPodSandbox({ uid: 'u', name: 'db', namespace: 'shop' });
    const config = { name: 'main', image: 'busybox', env: [], cdiDeviceIds: ['a.com/cpu=x'] };
    const outcome = runtime.createContainer(sandbox, config);
    if (resolves) await outcome;
    else {
      const wanted = 'CDI device injection failed: unresolvable CDI devices a.com/cpu=x';
      await assert.rejects(outcome, (error) => error instanceof RuntimeError && error.message === wanted);
    }
  });
}

test('Runtime binds memory as plugins want it, over what the kubelet wants, and keeps it when nothing is said', async (context) => {
  const { runtime, nriSocketPath, startContainer } = await startRuntime(context);
  const wishes = [{ cpus: '2', mems: '1' }, { cpus: '3' }, { cpus: '3', mems: '0' }];
  const next = () => wishes.shift() ?? '';
  const seen: string[] = [];
  await startPlugin(context, nriSocketPath, {
    handlers: {
      createContainer: () => ({ adjustment: cpusetAdjustment(next()) }),
      updateContainer: ({ container, resources }) => {
        seen.push(`${containerMems(container)} ${resources?.cpu?.mems}`);
        return [cpusetUpdate(container.id, next())];
      },
    },
  });
  const { id } = await startContainer('db');
  const placeOf = async () => (await runtime.listContainers()).map(({ cpus, mems }) => `${cpus} ${mems}`);
  assert.deepEqual(await placeOf(), ['2 1']);
  await runtime.updateContainerResources(id, { cpuShares: 2 });
  assert.deepEqual(await placeOf(), ['3 1']);
  await runtime.updateContainerResources(id, { cpusetMems: '1' });
  assert.deepEqual(await placeOf(), ['3 0']);
  await runtime.updateContainerResources(id, { cpusetMems: '1' });
  assert.deepEqual([await placeOf(), seen], [['3 1'], ['1 ', '1 1', '0 1']]);
});
