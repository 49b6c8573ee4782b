import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../../src/cpuset/parse.ts';
import type { ClaimHandler } from '../../../src/kubelet/claim-handler.ts';
import type { HealthSource } from '../../../src/kubelet/health-service.ts';
import { KubeletPlugin } from '../../../src/kubelet/kubelet-plugin.ts';
import { chooseSocketPaths } from '../../../src/sockets/socket-paths.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { eventually } from '../../../src/lib/testing/eventually.ts';
import { claim, newCluster, pod, slice } from '../../apiserver/testing/cluster.ts';
import { Runtime } from '../../runtime/runtime.ts';
import { numaDevice } from '../../../src/resource-api/allocation/testing/problems.ts';
import { Scheduler } from '../../scheduler/scheduler.ts';
import { Kubelet } from '../kubelet.ts';
import type { KubeletTiming } from '../timing.ts';

const DRIVER = 'dra.cpu';

interface NodeOptions {
  readonly cpus?: CpuSet;
  readonly launcher?: 'process' | 'simulated';
  readonly timing?: Partial<KubeletTiming>;
}

/** Waits that tests have time for. */
const QUICK = {
  podResyncMs: 20,
  containerRetryMs: 20,
  restartDelayMs: 5,
  restartDelayMaxMs: 10,
  housekeepingMs: 20,
  unprepareRetryMs: 20,
  healthRetryMs: 20,
};

/** A node with scheduler, kubelet and runtime, by default of 8 simulated CPUs, gone when the test is. */
export async function startNode(
  t: TestContext,
  { cpus = CpuSet.range(0, 7), launcher = 'simulated', timing }: NodeOptions = {},
) {
  const store = newCluster();
  const expression = `device.driver == "${DRIVER}"`;
  store.create('deviceclasses', { metadata: { name: DRIVER }, spec: { selectors: [{ cel: { expression } }] } });
  store.create('resourceslices', slice('n1', [numaDevice(0, 8)]));
  const directory = await mkdtemp(join(tmpdir(), 'dracpu-kubelet-'));
  const cdiDirectory = join(directory, 'cdi');
  await mkdir(cdiDirectory);
  const log = silentLog;
  const runtime = new Runtime({ nriSocketPath: join(directory, 'nri.sock'), cdiDirectory, launcher, cpus, log });
  await runtime.start();
  const kubelet = new Kubelet({
    store,
    runtime,
    rootDirectory: directory,
    nodeName: 'n1',
    cpus,
    kubernetesVersion: 'v1.36.0',
    log,
    timing: { ...QUICK, ...timing },
  });
  await kubelet.start();
  const scheduler = Scheduler.start(store);
  /** What ends before the node does. */
  const closers: (() => Promise<void>)[] = [];
  t.after(async () => {
    scheduler.stop();
    for (const close of closers) await close();
    await kubelet.stop();
    await runtime.stop();
    await rm(directory, { recursive: true });
  });
  return { store, runtime, kubelet, directory, cdiDirectory, closers };
}

type Node = Awaited<ReturnType<typeof startNode>>;

/** A driver whose answers a test chooses and whose calls it sees; it writes CDI specs as the real one does. */
export async function startDriver(
  { directory, cdiDirectory, closers }: Node,
  options: { handler?: Partial<ClaimHandler>; health?: HealthSource } = {},
) {
  const calls: string[] = [];
  const handler: ClaimHandler = {
    prepare: async (claims) => {
      calls.push(`prepare ${claims.map(({ name }) => name).join(' ')}`);
      for (const { uid } of claims) await writeSpec(join(cdiDirectory, `${uid}.json`), uid);
      return claims.map(({ uid }) => ({
        uid,
        devices: [
          {
            requestNames: ['cpu'],
            poolName: 'n1',
            deviceName: 'cpudevnuma000',
            cdiDeviceIds: [`dra.k8s.io/cpu=claim-${uid}`],
          },
        ],
      }));
    },
    unprepare: async (claims) => {
      calls.push(`unprepare ${claims.map(({ name }) => name).join(' ')}`);
      return claims.map(({ uid }) => ({ uid }));
    },
    ...options.handler,
  };
  const paths = chooseSocketPaths({ kubeletRoot: directory, driverName: DRIVER });
  const verdicts: object[] = [];
  const plugin = new KubeletPlugin({
    driverName: DRIVER,
    registrationSocketPath: paths.registration,
    endpointSocketPath: paths.endpoint,
    handler,
    ...(options.health ? { health: options.health } : {}),
    onRegistration: (verdict) => verdicts.push(verdict),
    log: silentLog,
  });
  await plugin.start();
  closers.push(() => plugin.stop());
  await eventually('the driver is registered', () => verdicts.length > 0);
  return { plugin, calls, verdicts };
}

/** The CPUs that this process may use. */
export async function readOwnCpus(): Promise<CpuSet> {
  const status = await readFile('/proc/self/status', 'utf8');
  return parseCpuList(/Cpus_allowed_list:\s*(\S+)/.exec(status)?.[1] ?? '');
}

/** A CDI spec with the device of a claim. */
export function writeSpec(path: string, uid: string): Promise<void> {
  const device = { name: `claim-${uid}`, containerEdits: { env: [`DRA_CPUSET_${uid}=0-1`] } };
  const spec = { cdiVersion: '0.8.0', kind: 'dra.k8s.io/cpu', devices: [device] };
  return writeFile(path, JSON.stringify(spec));
}

/** A claim for two CPUs, and a pod whose only container uses it. */
export function claimedPod(name: string, spec: object = {}) {
  const container = { name: 'main', image: 'busybox', resources: { claims: [{ name: 'cpus' }] } };
  return {
    claim: claim(name, { capacity: { requests: { 'dra.cpu/cpu': '2' } } }),
    pod: pod(name, {
      terminationGracePeriodSeconds: 1,
      resourceClaims: [{ name: 'cpus', resourceClaimName: name }],
      containers: [container],
      ...spec,
    }),
  };
}
