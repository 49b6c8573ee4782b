import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../lib/testing/eventually.ts';
import { RuntimeError } from '../../embedded/runtime/runtime-error.ts';
import { startPlugin, startRuntime } from '../../embedded/runtime/testing/start-runtime.ts';
import type { HookReport } from './hook-runner.ts';
import { containerCpus, cpusetAdjustment, cpusetUpdate } from './messages.ts';
import { NriError } from './nri-error.ts';
import { NriPlugin } from './plugin.ts';
import type { NriPluginState } from './plugin-state.ts';

const cpusOf = async (runtime: { listContainers(): Promise<{ id: string; cpus: string }[]> }, id: string) =>
  (await runtime.listContainers()).find((container) => container.id === id)?.cpus;

for (const nri of ['0.12', '0.8'] as const) {
  test(`NriPlugin is told of a pod's whole life by NRI ${nri}`, async (context) => {
    const { runtime, nriSocketPath, startContainer } = await startRuntime(context, { nri });
    const seen: string[] = [];
    const note = (what: string) => (event: { pod: { name: string }; container?: { name: string } }) => {
      seen.push(`${what} ${event.pod.name}${event.container ? `/${event.container.name}` : ''}`);
    };
    await startPlugin(context, nriSocketPath, {
      handlers: {
        runPodSandbox: note('run'),
        stopPodSandbox: note('stop'),
        removePodSandbox: note('remove'),
        createContainer: (event) => {
          note('create')(event);
          return {};
        },
        postCreateContainer: note('created'),
        startContainer: note('start'),
        postStartContainer: note('started'),
        updateContainer: (event) => {
          note(`update to ${event.resources?.cpu?.shares?.value}`)(event);
          return [];
        },
        postUpdateContainer: note('updated'),
        stopContainer: (event) => {
          note('stop')(event);
          return [];
        },
        removeContainer: note('remove'),
      },
    });
    const { sandbox, id } = await startContainer('db');
    await runtime.updateContainerResources(id, { cpuShares: 512 });
    await runtime.removePodSandbox(sandbox);
    assert.deepEqual(seen, [
      'run db',
      'create db/main',
      'created db/main',
      'start db/main',
      'started db/main',
      'update to 512 db/main',
      'updated db/main',
      'stop db/main',
      'stop db',
      'remove db/main',
      'remove db',
    ]);
  });
}

test('NriPlugin sets the CPUs of new containers and of others with them', async (context) => {
  const { runtime, nriSocketPath, startContainer } = await startRuntime(context);
  const { id: shared } = await startContainer('web');
  await startPlugin(context, nriSocketPath, {
    handlers: {
      synchronize: ({ containers }) => containers.map((container) => cpusetUpdate(container.id, '0-7')),
      createContainer: () => ({ adjustment: cpusetAdjustment('6-7'), updates: [cpusetUpdate(shared, '0-5')] }),
      stopContainer: () => [cpusetUpdate(shared, '0-7')],
      updateContainer: ({ container }) => [cpusetUpdate(container.id, '6-7')],
    },
  });
  await eventually('the container known', async () => (await cpusOf(runtime, shared)) === '0-7');
  const { id: exclusive } = await startContainer('db');
  assert.deepEqual([await cpusOf(runtime, exclusive), await cpusOf(runtime, shared)], ['6-7', '0-5']);
  await runtime.updateContainerResources(exclusive, { cpusetCpus: '0' });
  assert.equal(String(await runtime.actualCpus(exclusive)), '6-7');
  await runtime.stopContainer(exclusive, 100);
  assert.equal(String(await runtime.actualCpus(shared)), '0-7');
});

test('NriPlugin sees the environment of CDI devices after that of the pod, forged entries and all', async (context) => {
  const { nriSocketPath, cdiDirectory, startContainer } = await startRuntime(context);
  const spec = {
    cdiVersion: '0.8.0',
    kind: 'dra.k8s.io/cpu',
    devices: [{ name: 'claim-u1', containerEdits: { env: ['DRA_CPUSET_u1=4-5'] } }],
  };
  await writeFile(join(cdiDirectory, 'a.json'), JSON.stringify(spec));
  const env: string[][] = [];
  await startPlugin(context, nriSocketPath, {
    handlers: {
      createContainer: ({ container }) => {
        env.push(container.env);
        return {};
      },
    },
  });
  await startContainer('db', ['DRA_CPUSET_u1=0-7', 'DRA_CPUSET_x=0-7', 'A=b'], ['dra.k8s.io/cpu=claim-u1']);
  assert.deepEqual(env, [['DRA_CPUSET_u1=0-7', 'DRA_CPUSET_x=0-7', 'A=b', 'DRA_CPUSET_u1=4-5']]);
});

test('NriPlugin is given a state that needs many messages as one', async (context) => {
  const { nriSocketPath, startContainer } = await startRuntime(context, { messageBytesMax: 2000 });
  for (let pod = 0; pod < 20; pod += 1) await startContainer(`pod-${pod}`, [`PAD=${'x'.repeat(900)}`]);
  const states: [number, number][] = [];
  const handlers = {
    synchronize: ({ pods, containers }: { pods: readonly unknown[]; containers: readonly unknown[] }) => {
      states.push([pods.length, containers.length]);
      return [];
    },
  };
  await startPlugin(context, nriSocketPath, { handlers });
  assert.deepEqual(states, [[20, 20]]);
});

test('NriPlugin takes messages far over 4096 bytes and sends such', async (context) => {
  const { runtime, nriSocketPath, startContainer } = await startRuntime(context);
  const ids: string[] = [];
  for (let pod = 0; pod < 120; pod += 1) ids.push((await startContainer(`pod-${pod}`, [`PAD=${'x'.repeat(9000)}`])).id);
  await startPlugin(context, nriSocketPath, {
    handlers: { synchronize: () => ids.map((id) => cpusetUpdate(id, '0-3')) },
  });
  await eventually('all confined', async () => (await runtime.listContainers()).every(({ cpus }) => cpus === '0-3'));
});

test('NriPlugin refuses a container by throwing, and stays connected', async (context) => {
  const { runtime, nriSocketPath, startContainer } = await startRuntime(context);
  let refuse = true;
  await startPlugin(context, nriSocketPath, {
    handlers: {
      createContainer: async () => {
        if (refuse) throw new RangeError('claim shop/db is unknown');
        return {};
      },
    },
  });
  await assert.rejects(
    startContainer('db'),
    (error) =>
      error instanceof RuntimeError &&
      error.message ===
        'failed to get NRI adjustment for container: rpc error: code = Unknown desc = claim shop/db is unknown',
  );
  refuse = false;
  await startContainer('web');
  assert.deepEqual(runtime.plugins, ['90-test']);
});

test('NriPlugin N9: answers a hook whose handler never returns in time, and serves the next', async (context) => {
  const { runtime, nriSocketPath, startContainer } = await startRuntime(context);
  const reports: HookReport[] = [];
  let aborted = 0;
  const never = (_event: unknown, { signal }: { signal: AbortSignal }) => {
    signal.addEventListener('abort', () => (aborted += 1));
    return new Promise<never>(() => {});
  };
  let slow = true;
  await startPlugin(context, nriSocketPath, {
    hookTimeoutMs: 40,
    onHook: (report) => reports.push(report),
    handlers: {
      createContainer: (event, hook) => (slow ? never(event, hook) : {}),
      startContainer: (event, hook) => (slow ? never(event, hook) : undefined),
      stopContainer: never,
    },
  });
  await assert.rejects(startContainer('db'), /Cannot answer CreateContainer: its handler is not finished after 40 ms/);
  slow = false;
  const { id } = await startContainer('web');
  await runtime.stopContainer(id, 100);
  assert.deepEqual(runtime.plugins, ['90-test']);
  assert.equal(aborted, 3);
  const outcomes = reports.map(({ hook, outcome }) => [hook, outcome]);
  assert.deepEqual(outcomes, [
    ['Configure', 'answered'],
    ['Synchronize', 'answered'],
    ['CreateContainer', 'overdue'],
    ['StopContainer', 'overdue'],
    ['CreateContainer', 'answered'],
    ['StartContainer', 'answered'],
    ['StopContainer', 'overdue'],
  ]);
  assert.ok(reports.every(({ durationMs }) => durationMs >= 0 && durationMs < 2000));
});

test('NriPlugin N9: comes back after the runtime cut it off for being late, and is told the state again', async (context) => {
  const { runtime, nriSocketPath, startContainer } = await startRuntime(context, {
    timeouts: { requestTimeoutMs: 100 },
  });
  let synchronized = 0;
  const plugin = await startPlugin(context, nriSocketPath, {
    handlers: {
      synchronize: () => {
        synchronized += 1;
        return [];
      },
      createContainer: () => {
        const endMs = performance.now() + 200;
        while (performance.now() < endMs);
        return { adjustment: cpusetAdjustment('0') };
      },
    },
  });
  const { id } = await startContainer('db');
  assert.equal(await cpusOf(runtime, id), '', 'created without the plugin');
  await eventually('the plugin synchronised', () => synchronized === 2 && plugin.state.kind === 'synchronized');
});

test('NriPlugin N11: comes back after every restart of the runtime and repairs what was created meanwhile', async (context) => {
  const { runtime, nriSocketPath, startContainer } = await startRuntime(context);
  const states: NriPluginState['kind'][] = [];
  const plugin = await startPlugin(context, nriSocketPath, {
    onState: ({ kind }) => states.push(kind),
    handlers: {
      synchronize: ({ containers }) =>
        containers.filter((container) => containerCpus(container) === '').map(({ id }) => cpusetUpdate(id, '0-3')),
    },
  });
  for (let round = 0; round < 3; round += 1) {
    await runtime.stop({ keepContainers: true });
    await eventually('the plugin waiting', () => plugin.state.kind === 'waiting');
    const { id } = await startContainer(`round-${round}`);
    await runtime.start();
    await eventually('the plugin synchronised', () => plugin.state.kind === 'synchronized');
    await eventually('the container repaired', async () => (await cpusOf(runtime, id)) === '0-3');
  }
  assert.deepEqual(states.slice(0, 4), ['connecting', 'registering', 'synchronizing', 'synchronized']);
  assert.deepEqual(new Set(states), new Set(['connecting', 'registering', 'synchronizing', 'synchronized', 'waiting']));
});

test('NriPlugin waits for a runtime that is not there yet, and stop() ends the waiting twice', async () => {
  const states: NriPluginState[] = [];
  const plugin = new NriPlugin({
    name: 'early',
    index: '10',
    socketPath: '/nonexistent/nri.sock',
    handlers: {},
    onState: (state) => states.push(state),
  });
  plugin.start();
  plugin.start();
  await eventually('the plugin waiting', () => states.filter(({ kind }) => kind === 'waiting').length >= 3);
  const waiting = states.filter((state) => state.kind === 'waiting');
  assert.deepEqual(
    waiting.slice(0, 3).map(({ failures }) => failures),
    [1, 2, 3],
  );
  assert.match(waiting[0]?.cause.message ?? '', /ENOENT/);
  await Promise.all([plugin.stop(), plugin.stop()]);
  await plugin.stop();
  assert.equal(plugin.state.kind, 'stopped');
});

test('NriPlugin can be stopped at any moment and started again', async (context) => {
  const { runtime, nriSocketPath } = await startRuntime(context);
  const plugin = new NriPlugin({ name: 'hasty', index: '00', socketPath: nriSocketPath, handlers: {} });
  for (let turns = 0; turns < 12; turns += 1) {
    plugin.start();
    for (let turn = 0; turn < turns; turn += 1) await new Promise((done) => setImmediate(done));
    await plugin.stop();
    assert.equal(plugin.state.kind, 'stopped');
  }
  plugin.start();
  await eventually('the plugin synchronised', () => plugin.state.kind === 'synchronized');
  await plugin.stop();
  await eventually('the plugin gone', () => runtime.plugins.length === 0);
});

test('NriPlugin survives a peer that talks nonsense, hangs up or says nothing', async (context) => {
  const speeches = [
    Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
    Buffer.alloc(0),
    Buffer.from('00000001ffffffff', 'hex'),
  ];
  let connections = 0;
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(speeches[connections % speeches.length] ?? '');
    connections += 1;
  });
  const { directory } = await startRuntime(context);
  const socketPath = join(directory, 'rude.sock');
  await new Promise<void>((done) => server.listen(socketPath, done));
  context.after(() => server.close());
  const plugin = new NriPlugin({ name: 'patient', index: '50', socketPath, handlers: {} });
  plugin.start();
  await eventually('four connections', () => connections >= 4);
  await plugin.stop();
});

test('NriPlugin reports the reason when the runtime refuses it', async (context) => {
  const { nriSocketPath } = await startRuntime(context);
  const handlers = { configure: () => Promise.reject(new RangeError('wrong runtime')) };
  const plugin = new NriPlugin({ name: 'picky', index: '50', socketPath: nriSocketPath, handlers });
  plugin.start();
  await eventually('the plugin waiting', () => plugin.state.kind === 'waiting');
  await plugin.stop();
});

test('NriPlugin refuses an identity that no runtime would take', () => {
  const bad = (name: string, index: string) => () => new NriPlugin({ name, index, handlers: {} });
  for (const [name, index] of [
    ['', '00'],
    ['a b', '00'],
    ['a', '1'],
    ['a', '001'],
    ['a', 'x1'],
  ] as const) {
    assert.throws(bad(name, index), (error) => error instanceof NriError && error.code === 'BadIdentity');
  }
});

test('NriPlugin.updateContainers changes containers outside an event', async (context) => {
  const { runtime, nriSocketPath, startContainer } = await startRuntime(context);
  const { id } = await startContainer('web');
  const plugin = await startPlugin(context, nriSocketPath, { handlers: {} });
  const outcome = await plugin.updateContainers([cpusetUpdate(id, '2-3'), cpusetUpdate('unknown', '0')]);
  assert.deepEqual(outcome, { kind: 'applied', failed: [] });
  assert.equal(String(await runtime.actualCpus(id)), '2-3');
  await assert.rejects(plugin.updateContainers([cpusetUpdate(id, '99')]), /NRI update of some containers failed/);
  assert.deepEqual(await plugin.updateContainers([cpusetUpdate(id, '99', true)]), { kind: 'applied', failed: [] });
  await plugin.stop();
  await assert.rejects(plugin.updateContainers([]), (error) => (error as NriError).code === 'NotConnected');
});

test('NriPlugin.updateContainers is withheld where it may deadlock or is switched off', async (context) => {
  const { nriSocketPath } = await startRuntime(context, { nri: '0.8' });
  const ask = async (unsolicitedUpdates: 'auto' | 'always' | 'never') => {
    const plugin = await startPlugin(context, nriSocketPath, { handlers: {}, unsolicitedUpdates });
    const outcome = await plugin.updateContainers([]);
    await plugin.stop();
    return outcome.kind;
  };
  assert.deepEqual([await ask('auto'), await ask('always'), await ask('never')], ['withheld', 'applied', 'withheld']);
});

test('NriPlugin.updateContainers refuses to run inside a hook, however deep, and runs after it', async (context) => {
  const { nriSocketPath, startContainer } = await startRuntime(context);
  const results: Promise<unknown>[] = [];
  const plugin: NriPlugin = await startPlugin(context, nriSocketPath, {
    handlers: {
      createContainer: async () => {
        await Promise.resolve();
        results.push(plugin.updateContainers([]).catch((error: NriError) => error.code));
        setTimeout(() => results.push(plugin.updateContainers([])), 20);
        return {};
      },
    },
  });
  await startContainer('web');
  await eventually('two results', () => results.length === 2);
  assert.deepEqual(await Promise.all(results), ['InsideHook', { kind: 'applied', failed: [] }]);
});

test('Two plugins that set the same CPUs make the creation fail; with one gone it succeeds', async (context) => {
  const { runtime, nriSocketPath, startContainer } = await startRuntime(context);
  const handlers = { createContainer: () => ({ adjustment: cpusetAdjustment('0-1') }) };
  await startPlugin(context, nriSocketPath, { handlers, name: 'new', index: '91' });
  const old = await startPlugin(context, nriSocketPath, { handlers, name: 'old', index: '90' });
  await eventually('both there', () => runtime.plugins.join(' ') === '90-old 91-new');
  await assert.rejects(startContainer('db'), /plugins "90-old" and "91-new" both tried to set CPU pinning/);
  await old.stop();
  await eventually('the plugin gone', () => runtime.plugins.length === 1);
  await startContainer('web');
});
