import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';
import { Container, Event, PluginDefinition, PodSandbox } from '../gen/nri.ts';
import { silentLog } from '../lib/log.ts';
import { createServiceClient, TtrpcClient } from '../ttrpc/client.ts';
import { TtrpcServer } from '../ttrpc/server.ts';
import { TtrpcError } from '../ttrpc/status.ts';
import type { NriHandlers } from './handlers.ts';
import { HookRunner } from './hook-runner.ts';
import { newMessage } from './messages.ts';
import { createPluginService } from './plugin-service.ts';

const pod = newMessage(PodSandbox, { name: 'db' });
const container = newMessage(Container, { id: 'c1', name: 'main' });

/** A runtime's view of a plugin with these handlers. */
function connect(handlers: NriHandlers) {
  const [near, far] = duplexPair();
  const hooks = new HookRunner(silentLog, undefined);
  const routes = createPluginService({
    handlers,
    hooks,
    hookTimeoutMs: 50,
    onConfigured: () => {},
    onSynchronized: () => {},
  });
  const server = new TtrpcServer(far, routes);
  return { server, plugin: createServiceClient(new TtrpcClient(near), PluginDefinition) };
}

test('createPluginService calls one handler for both forms of an event', async () => {
  const seen: string[] = [];
  const { plugin } = connect({
    startContainer: (event) => void seen.push(event.container.id),
    stopPodSandbox: (event) => void seen.push(event.pod.name),
  });
  await plugin.startContainer({ pod, container });
  await plugin.stateChange({ event: Event.START_CONTAINER, pod, container });
  await plugin.stopPodSandbox({ pod });
  await plugin.stateChange({ event: Event.STOP_POD_SANDBOX, pod, container: undefined });
  await plugin.stateChange({ event: Event.UNRECOGNIZED, pod, container });
  assert.deepEqual(seen, ['c1', 'c1', 'db', 'db']);
});

test('createPluginService echoes `more` and merges the pieces of a state', async () => {
  const counts: number[] = [];
  const { plugin } = connect({
    synchronize: ({ pods, containers }) => {
      counts.push(pods.length, containers.length);
      return [];
    },
  });
  for (let state = 0; state < 2; state += 1) {
    assert.deepEqual(await plugin.synchronize({ pods: [pod], containers: [], more: true }), { update: [], more: true });
    await plugin.synchronize({ pods: [], containers: [container, container], more: true });
    const last = await plugin.synchronize({ pods: [], containers: [container], more: false });
    assert.equal(last.more, false);
  }
  assert.deepEqual(counts, [1, 3, 1, 3]);
});

test('createPluginService answers events without a handler', async () => {
  const { plugin } = connect({});
  assert.deepEqual((await plugin.createContainer({ pod, container })).update, []);
  assert.deepEqual(await plugin.synchronize({ pods: [pod], containers: [], more: false }), { update: [], more: false });
  assert.deepEqual(await plugin.shutdown({}), {});
});

test('createPluginService refuses an event that names nothing', async () => {
  const { plugin } = connect({ createContainer: () => ({}), runPodSandbox: () => {} });
  const invalid = (error: unknown) => error instanceof TtrpcError && error.code === 'InvalidArgument';
  await assert.rejects(plugin.createContainer({ pod, container: undefined }), invalid);
  await assert.rejects(plugin.createContainer({ pod: undefined, container }), invalid);
  await assert.rejects(plugin.runPodSandbox({ pod: undefined }), invalid);
});

test('createPluginService turns a throwing validator into a refusal with its reason', async () => {
  const { plugin } = connect({
    validateContainerAdjustment: ({ plugins }) => {
      if (plugins.length > 0) throw new RangeError('not by you');
    },
  });
  const request = { pod, container, adjust: undefined, update: [], owners: undefined, plugins: [] };
  assert.deepEqual(await plugin.validateContainerAdjustment(request), { reject: false, reason: '' });
  const refused = { ...request, plugins: [{ name: 'x', index: '10' }] };
  assert.deepEqual(await plugin.validateContainerAdjustment(refused), { reject: true, reason: 'not by you' });
});

test('createPluginService gives a state the time that the runtime has', async () => {
  const slow = () => new Promise<[]>((resolve) => setTimeout(() => resolve([]), 120));
  const { plugin } = connect({ synchronize: slow, createContainer: () => slow().then(() => ({})) });
  await plugin.synchronize({ pods: [], containers: [], more: false }, { timeoutMs: 2000 });
  await assert.rejects(
    plugin.createContainer({ pod, container }, { timeoutMs: 2000 }),
    /CreateContainer: its handler is not finished after 50 ms/,
  );
});

test('createPluginService aborts handlers when the connection is lost', async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const { plugin, server } = connect({
    createContainer: (_event, { signal }) =>
      new Promise(() => {
        signal.addEventListener('abort', () => resolve(signal.reason));
        server.close();
      }),
  });
  await assert.rejects(plugin.createContainer({ pod, container }), TtrpcError);
  assert.ok((await promise) instanceof TtrpcError);
});
