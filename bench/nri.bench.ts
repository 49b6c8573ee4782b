/**
 * What NRI costs over a real Unix socket, runtime and plugin as two processes: the round trip of a CreateContainer hook
 * beside 100 shared containers, and the synchronisation of 500, of the library alone. One JSON object a line; `baseline` is
 * the Go reference driver's round trip, its decision included.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Container, PluginDefinition, PodSandbox, RuntimeDefinition } from '../src/gen/nri.ts';
import { cpusetAdjustment, cpusetUpdate, newMessage } from '../src/nri/messages.ts';
import { MUX_CONNECTIONS, Mux } from '../src/nri/mux.ts';
import { NriPlugin } from '../src/nri/plugin.ts';
import { createServiceClient, TtrpcClient } from '../src/ttrpc/client.ts';
import { implementService, TtrpcServer } from '../src/ttrpc/server.ts';

const SHARED_CONTAINERS = 100;
const SYNCHRONIZED_CONTAINERS = 500;
const ROUND_TRIPS = 2000;
const SYNCHRONIZATIONS = 30;

const podOf = (index: number) =>
  newMessage(PodSandbox, { id: `sandbox-${index}`, name: `pod-${index}`, uid: `uid-${index}`, namespace: 'shop' });

/** A container of the size that a kubelet makes: the environment of 25 services and a few labels. */
function containerOf(index: number, kind: string): Container {
  const env = Array.from({ length: 27 }, (_, service) => `SERVICE_${service}_PORT=tcp://10.96.0.${service}:443`);
  const labels = { 'io.kubernetes.container.name': kind, 'io.kubernetes.pod.name': `pod-${index}` };
  const id = `${index}`.padStart(64, 'c');
  return newMessage(Container, { id, podSandboxId: `sandbox-${index}`, name: kind, env, labels });
}

const shared = Array.from({ length: SYNCHRONIZED_CONTAINERS }, (_, index) => containerOf(index, 'shared'));

/** The plugin's process: updates every shared container for a container of the name "claimed", none for others. */
function runPlugin(socketPath: string): void {
  const updates = shared.slice(0, SHARED_CONTAINERS);
  new NriPlugin({
    name: 'bench',
    index: '50',
    socketPath,
    handlers: {
      synchronize: ({ containers }) => containers.map(({ id }) => cpusetUpdate(id, '0-63')),
      createContainer: ({ container }) => ({
        adjustment: cpusetAdjustment('0-3'),
        updates: container.name === 'claimed' ? updates.map(({ id }) => cpusetUpdate(id, '4-63')) : [],
      }),
    },
  }).start();
}

function report(bench: string, value: number, baseline?: number): void {
  const row = { bench, value: Number(value.toFixed(3)), unit: 'ms', ...(baseline === undefined ? {} : { baseline }) };
  process.stdout.write(`${JSON.stringify(row)}\n`);
}

async function measure(times: number, call: () => Promise<unknown>): Promise<{ p50: number; p99: number }> {
  const spansMs: number[] = [];
  for (let round = 0; round < times; round += 1) {
    const startMs = performance.now();
    await call();
    spansMs.push(performance.now() - startMs);
  }
  spansMs.sort((a, b) => a - b);
  const at = (share: number) => spansMs[Math.floor(spansMs.length * share)] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

/** The runtime's end of the first plugin that registers. */
async function acceptPlugin(server: net.Server) {
  const [socket] = (await once(server, 'connection')) as [net.Socket];
  const mux = new Mux(socket);
  const { promise: registered, resolve } = Promise.withResolvers<void>();
  const registerPlugin = () => {
    resolve();
    return {};
  };
  const routes = implementService(RuntimeDefinition, { registerPlugin });
  const runtime = new TtrpcServer(mux.open(MUX_CONNECTIONS.runtimeService), routes);
  const plugin = createServiceClient(new TtrpcClient(mux.open(MUX_CONNECTIONS.pluginService)), PluginDefinition);
  await registered;
  return { plugin, close: () => runtime.close() };
}

async function runBench(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'dracpu-bench-'));
  const socketPath = join(directory, 'nri.sock');
  const server = net.createServer().listen(socketPath);
  await once(server, 'listening');
  const child = fork(import.meta.filename, ['plugin', socketPath]);
  const { plugin } = await acceptPlugin(server);
  const configuration = { config: '', runtimeName: 'bench', runtimeVersion: '', nriVersion: 'v0.12.2' };
  await plugin.configure({ ...configuration, registrationTimeout: 5000n, requestTimeout: 2000n });

  const pods = shared.map((_, index) => podOf(index));
  const synchronize = () => plugin.synchronize({ pods, containers: shared, more: false }, { timeoutMs: 2000 });
  const create = (kind: string) => () =>
    plugin.createContainer({ pod: podOf(9999), container: containerOf(9999, kind) }, { timeoutMs: 2000 });
  report(`nri/synchronize/${SYNCHRONIZED_CONTAINERS}-containers/first`, (await measure(1, synchronize)).p50);
  const synchronized = await measure(SYNCHRONIZATIONS, synchronize);
  report(`nri/synchronize/${SYNCHRONIZED_CONTAINERS}-containers/p50`, synchronized.p50);
  for (const [kind, baseline] of [
    ['shared', 0.2],
    ['claimed', 1],
  ] as const) {
    await measure(ROUND_TRIPS / 10, create(kind));
    const { p50, p99 } = await measure(ROUND_TRIPS, create(kind));
    report(`nri/create-container/${kind}/p50`, p50, baseline);
    report(`nri/create-container/${kind}/p99`, p99);
  }
  child.kill();
  server.close();
  await rm(directory, { recursive: true });
}

if (process.argv[2] === 'plugin') runPlugin(process.argv[3] ?? '');
else {
  await runBench();
  process.exit(0);
}
