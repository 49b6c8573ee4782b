/**
 * What the driver costs a container runtime, over a real Unix socket between two processes: the round trip of a
 * CreateContainer hook beside 100 shared containers, and the synchronisation of 500, decisions included. One JSON object a
 * line; `baseline` is the Go reference driver's.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ledger } from '../src/claims/ledger.ts';
import { CpuSet } from '../src/cpuset/cpu-set.ts';
import { createNriHandlers } from '../src/containers/nri-adapter.ts';
import { Containers } from '../src/containers/containers.ts';
import { claimEnv, preparedClaim } from '../src/containers/testing/fixtures.ts';
import { Container, PluginDefinition, PodSandbox, RuntimeDefinition } from '../src/gen/nri.ts';
import { newMessage } from '../src/nri/messages.ts';
import { silentLog } from '../src/lib/log.ts';
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

const CLAIMS = [preparedClaim('u0', '0-3'), preparedClaim('u1', '4-7')];

/** The driver's process. Each claimed container finds another claim prepared, so that every shared one must move. */
function runDriver(socketPath: string): void {
  const ledger = new Ledger({ allocatable: CpuSet.range(0, 63), reserved: CpuSet.empty });
  const containers = new Containers(ledger, silentLog);
  const handlers = createNriHandlers(containers);
  const plugin = new NriPlugin({
    name: 'bench',
    index: '50',
    socketPath,
    handlers: {
      ...handlers,
      createContainer: (event, context) => {
        const claim = CLAIMS.find(({ uid }) => event.container.name === `claimed-${uid}`);
        if (claim) {
          for (const { uid } of ledger.claims) ledger.release(uid);
          ledger.reserve(claim);
        }
        return handlers.createContainer?.(event, context) ?? {};
      },
    },
  });
  plugin.start();
}

function report(bench: string, value: number, baseline?: number): void {
  const row = { bench, value: Number(value.toFixed(3)), unit: 'ms', ...(baseline === undefined ? {} : { baseline }) };
  process.stdout.write(`${JSON.stringify(row)}\n`);
}

/** Calls one after the other; a call may say itself how long it took, in milliseconds. */
async function measure(times: number, call: () => Promise<number | void>): Promise<{ p50: number; p99: number }> {
  const spansMs: number[] = [];
  for (let round = 0; round < times; round += 1) {
    const startMs = performance.now();
    const spanMs = await call();
    spansMs.push(spanMs ?? performance.now() - startMs);
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

  const synchronize = (count: number) => async () => {
    const state = { pods: pods.slice(0, count), containers: shared.slice(0, count), more: false };
    const { update } = await plugin.synchronize(state, { timeoutMs: 2000 });
    if (update.length !== count) throw new RangeError(`${update.length} updates, want ${count}`);
  };
  const pods = shared.map((_, index) => podOf(index));
  const all = synchronize(SYNCHRONIZED_CONTAINERS);
  report(`nri/synchronize/${SYNCHRONIZED_CONTAINERS}-containers/first`, (await measure(1, all)).p50);
  report(`nri/synchronize/${SYNCHRONIZED_CONTAINERS}-containers/p50`, (await measure(SYNCHRONIZATIONS, all)).p50);
  await synchronize(SHARED_CONTAINERS)();

  let round = 0;
  const pod = podOf(9999);
  /** Creates a container and, unmeasured, ends it. */
  const create = (isClaimed: boolean) => async (): Promise<number> => {
    round += 1;
    const claim = CLAIMS[round % CLAIMS.length];
    const made = containerOf(9999, isClaimed ? `claimed-${claim?.uid}` : 'late');
    const env = isClaimed && claim ? claimEnv(claim.uid, claim.cpus) : [];
    const container = { ...made, env: [...made.env, ...env] };
    const startMs = performance.now();
    const { update } = await plugin.createContainer({ pod, container }, { timeoutMs: 2000 });
    const spanMs = performance.now() - startMs;
    const wanted = isClaimed ? SHARED_CONTAINERS : 0;
    if (update.length !== wanted) throw new RangeError(`${update.length} updates, want ${wanted}`);
    await plugin.removeContainer({ pod, container });
    return spanMs;
  };
  for (const [kind, baseline] of [
    ['shared', 0.2],
    ['claimed', 1],
  ] as const) {
    const run = create(kind === 'claimed');
    await measure(ROUND_TRIPS / 10, run);
    const { p50, p99 } = await measure(ROUND_TRIPS, run);
    report(`nri/create-container/${kind}/p50`, p50, baseline);
    report(`nri/create-container/${kind}/p99`, p99);
  }
  child.kill();
  server.close();
  await rm(directory, { recursive: true });
}

if (process.argv[2] === 'plugin') runDriver(process.argv[3] ?? '');
else {
  await runBench();
  process.exit(0);
}
