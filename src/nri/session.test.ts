import assert from 'node:assert/strict';
import { type Duplex, duplexPair } from 'node:stream';
import { test } from 'node:test';
import { PluginDefinition, RuntimeDefinition } from '../gen/nri.ts';
import { silentLog } from '../lib/log.ts';
import { createServiceClient, TtrpcClient } from '../ttrpc/client.ts';
import { implementService, TtrpcServer } from '../ttrpc/server.ts';
import { TtrpcError } from '../ttrpc/status.ts';
import { HookRunner } from './hook-runner.ts';
import { MUX_CONNECTIONS, Mux } from './mux.ts';
import { NriSession } from './session.ts';

function openSession(trunk: Duplex): NriSession {
  return new NriSession(trunk, {
    name: 'test',
    index: '90',
    handlers: {},
    hooks: new HookRunner(silentLog, undefined),
    hookTimeoutMs: 1000,
    onConfigured: () => {},
    onSynchronized: () => {},
  });
}

/** The runtime's end of a session, as far as a test drives it. */
function openRuntime(trunk: Duplex, refusal?: string) {
  const { promise: registered, resolve } = Promise.withResolvers<{ pluginName: string; pluginIdx: string }>();
  const mux = new Mux(trunk);
  const plugin = createServiceClient(new TtrpcClient(mux.open(MUX_CONNECTIONS.pluginService)), PluginDefinition);
  const routes = implementService(RuntimeDefinition, {
    registerPlugin: (request) => {
      resolve(request);
      if (refusal !== undefined) throw new TtrpcError('Unknown', refusal);
      return {};
    },
  });
  const server = new TtrpcServer(mux.open(MUX_CONNECTIONS.runtimeService), routes);
  return { plugin, registered, server, mux };
}

const configuration = {
  config: '',
  runtimeName: 'containerd',
  runtimeVersion: '2.1.9',
  registrationTimeout: 5000n,
  requestTimeout: 2000n,
  nriVersion: '',
};

test('NriSession registers and serves the runtime that configures it before it answers', async () => {
  const [near, far] = duplexPair();
  const session = openSession(near);
  const { plugin, registered } = openRuntime(far);
  const early = plugin.configure(configuration);
  assert.deepEqual(await registered, { pluginName: 'test', pluginIdx: '90', nriVersion: 'v0.12.0' });
  assert.deepEqual(await early, { events: 4 });
  session.close();
  assert.match((await session.ended).message, /closed the connection/);
});

test('NriSession ends with the reason for which the runtime refuses it', async () => {
  const [near, far] = duplexPair();
  const session = openSession(near);
  openRuntime(far, 'invalid plugin index');
  assert.equal((await session.ended).message, 'invalid plugin index');
});

test('NriSession ends at once on a socket that is gone', async () => {
  const [near] = duplexPair();
  near.destroy();
  await new Promise((done) => near.once('close', done));
  await openSession(near).ended;
});

/** 10,000 with DRACPU_LONG_TESTS set, fewer in the daily run. */
const cycles = process.env.DRACPU_LONG_TESTS ? 10_000 : 300;

test(`Opening and losing a session ${cycles} times leaves nothing behind`, async () => {
  const heap = () => {
    globalThis.gc?.();
    return process.memoryUsage().heapUsed;
  };
  const before = heap();
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    const [near, far] = duplexPair();
    const session = openSession(near);
    const runtime = openRuntime(far);
    const steps = [
      () => session.close(),
      () => runtime.mux.close(),
      () => near.destroy(new RangeError('cut')),
      () => far.write(Buffer.alloc(9, 255)),
      () => runtime.server.close(),
    ];
    far.on('error', () => {});
    if (cycle % 2 === 0) await runtime.registered;
    if (cycle % 3 === 0) await runtime.plugin.configure(configuration).catch(() => undefined);
    const update = session.updateContainers([], 60_000).catch(() => undefined);
    steps[cycle % steps.length]?.();
    if (cycle % steps.length === 4) far.destroy();
    await Promise.all([session.ended, update]);
    assert.ok(near.destroyed);
  }
  const timers = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  assert.ok(timers < 50, `${timers} timers are left`);
  if (globalThis.gc) assert.ok(heap() - before < 20e6, `the heap grew by ${heap() - before} bytes`);
});
