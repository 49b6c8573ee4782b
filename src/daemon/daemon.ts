import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { MetadataDirectory } from '../cdi/metadata-directory.ts';
import type { Config } from '../config/config.ts';
import { type SliceDevice, toSliceDevice } from '../devices/slice-device.ts';
import { ClaimService } from '../driver/claim-service.ts';
import type { ClaimHandler } from '../kubelet/claim-handler.ts';
import { KubeletPlugin } from '../kubelet/kubelet-plugin.ts';
import { RemoteClaimHandler } from '../kubelet/remote-handler.ts';
import { ReplaceableClaimHandler } from '../kubelet/replaceable-handler.ts';
import { chooseSocketPaths, type SocketPaths } from '../kubelet/socket-paths.ts';
import { sleep } from '../lib/backoff.ts';
import { errorText } from '../lib/log.ts';
import { version } from '../lib/version.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import type { NodeState } from '../view/cpu-map.ts';
import { type ClaimReporter, createClaimObserver, errorCode } from './claim-observer.ts';
import { type ApiSide, connectApi } from './connect-api.ts';
import { DriverHolder, identifyDriver } from './driver-holder.ts';
import { type Foundation, loadFoundation, loadMachine } from './foundation.ts';
import { followMachine } from './follow-machine.ts';
import { HealthMonitor } from './health-monitor.ts';
import { createHttpRoutes, type HttpSources, readMetricsState } from './http-routes.ts';
import { HttpServer } from './http-server.ts';
import type { Logger } from './logger.ts';
import type { RuntimeInfo } from '../nri/index.ts';
import { Pinning } from './pinning.ts';
import { Preflight, readCurrentFile } from './preflight.ts';
import { taintFor } from './preflight-checks.ts';
import { DRIVER_NAME } from './read-machine.ts';
import { Readiness } from './readiness.ts';

/** How often claims that the API server no longer has are looked for, in milliseconds. */
const ABANDONED_INTERVAL_MS = 60_000;

/** How often the devices' health is judged, in milliseconds; as often as containers are looked at. */
const HEALTH_INTERVAL_MS = 5_000;

/** How often the node's settings are looked at, in milliseconds. */
const PREFLIGHT_INTERVAL_MS = 300_000;

/** What a daemon is made of. */
export interface DaemonOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** The process's environment, which tells a pod where the API server is. */
  readonly environment: NodeJS.ProcessEnv;
}

/** The driver of one node, running. */
export interface Daemon {
  /** Stops in the reverse order of the start; may be called twice. Containers keep their CPUs, slices stay published. */
  stop(): Promise<void>;
}

/** Runs a function now and then until stopped, one round at a time. */
function repeat(intervalMs: number, round: () => Promise<void>): () => Promise<void> {
  const abort = new AbortController();
  const loop = async () => {
    for (await sleep(intervalMs, abort.signal); !abort.signal.aborted; await sleep(intervalMs, abort.signal)) {
      await round();
    }
  };
  const done = loop();
  return async () => {
    abort.abort();
    await done;
  };
}

function createPinning(
  { config, logger }: DaemonOptions,
  foundation: Foundation,
  { api, metrics, readiness }: { api: ApiSide; metrics: Metrics; readiness: Readiness },
): Pinning {
  let wasSynchronized = false;
  return new Pinning({
    ledger: foundation.ledger,
    machine: () => foundation.machine,
    nriSocketPath: config.nriSocket,
    hostRoot: config.hostRoot,
    unsolicitedUpdates: config.unsolicitedUpdates,
    findClaim: api.findClaim,
    specs: foundation.specs,
    log: logger.forModule('driver'),
    nriLog: logger.forModule('nri'),
    onHook: metrics.recordHook,
    onFinding: metrics.recordDrift,
    onRefused: ({ podNamespace, podName, podUid }, error) => {
      metrics.recordRefusal('container', errorCode(error));
      const regarding = { kind: 'Pod', namespace: podNamespace, name: podName, uid: podUid } as const;
      api.events.record({ regarding, type: 'Warning', reason: errorCode(error), message: errorText(error) });
    },
    onState: (state) => {
      if (state.kind === 'synchronized') {
        if (wasSynchronized) metrics.recordReconnect('runtime');
        wasSynchronized = true;
        readiness.hold('nri-synchronized');
      } else if (state.kind === 'waiting') {
        readiness.fail('nri-synchronized', `${JSON.stringify(config.nriSocket)}: ${errorText(state.cause)}`);
      }
    },
  });
}

function describeRuntime({ name, version: release, nriVersion = 'unknown' }: RuntimeInfo): string {
  return `${name} ${release}, NRI ${nriVersion}`;
}

function createClaimService(
  { logger, config }: DaemonOptions,
  foundation: Foundation,
  parts: { api: ApiSide; metrics: Metrics; pinning: Pinning; health: HealthMonitor; paths: SocketPaths },
): ClaimService {
  const { api, metrics, pinning, health, paths } = parts;
  const reporter: ClaimReporter = {
    setStatus: (claim) => health.reportClaims([claim]),
    removeStatus: (reference) => api.statuses.remove(reference),
    recordEvent: (event) => api.events.record(event),
  };
  return new ClaimService(foundation.ledger, {
    machine: () => foundation.machine,
    fetchClaim: api.fetchClaim,
    specs: foundation.specs,
    metadata: new MetadataDirectory({
      driverName: DRIVER_NAME,
      dataDirectory: dirname(paths.endpoint),
      cdiDirectory: config.cdiDirectory,
    }),
    whenPinning: () => pinning.whenPinning(),
    observe: createClaimObserver(logger.forModule('claims'), metrics, reporter),
    onChange: () => pinning.claimsChanged(),
    now: () => performance.now(),
    sleep,
  });
}

function createPreflight(
  { config, logger }: DaemonOptions,
  { api, readiness, onChange }: { api: ApiSide; readiness: Readiness; onChange: () => void },
): Preflight {
  return new Preflight({
    cpuManagerStatePath: join(config.kubeletRootDirectory, 'cpu_manager_state'),
    readFile: readCurrentFile,
    fetchNode: api.fetchNode,
    readReserved: () => config.reservedCpus,
    readiness,
    onChange,
    log: logger.forModule('preflight'),
  });
}

function createKubeletPlugin(
  { logger }: DaemonOptions,
  handler: ClaimHandler,
  {
    paths,
    readiness,
    health,
    metrics,
  }: { paths: SocketPaths; readiness: Readiness; health: HealthMonitor; metrics: Metrics },
): KubeletPlugin {
  const log = logger.forModule('kubelet');
  let wasRegistered = false;
  return new KubeletPlugin({
    driverName: DRIVER_NAME,
    registrationSocketPath: paths.registration,
    endpointSocketPath: paths.endpoint,
    handler,
    health,
    onRegistration: (verdict) => {
      if (verdict.registered) {
        if (wasRegistered) metrics.recordReconnect('kubelet');
        wasRegistered = true;
        log.info('registered with the kubelet', { socket: paths.registration });
        readiness.hold('kubelet-registered');
      } else {
        log.error('the kubelet refused the driver', { socket: paths.registration, reason: verdict.error });
        readiness.fail('kubelet-registered', `the kubelet refused the driver: ${verdict.error}`);
      }
    },
    log,
  });
}

/** What ends the parts that were started, in the order of their start. */
interface Stops {
  /** What everything else stands on. */
  readonly base: (() => Promise<void>)[];
  /** Parts that act on the node; they end when another driver takes it over. */
  readonly roles: (() => Promise<void>)[];
  /** The kubelet's way in; while it is open, calls are answered or handed on. */
  readonly doors: (() => Promise<void>)[];
}

/** Ends what was started last first. May be called again. */
async function stopAll(stops: (() => Promise<void>)[]): Promise<void> {
  for (let last = stops.pop(); last; last = stops.pop()) await last();
}

/** Takes the node, from a predecessor in a rolling update if need be, and gives it up to a successor. */
async function takeNode(
  { config, logger }: DaemonOptions,
  { paths, leave }: { paths: SocketPaths; leave: (successor: ClaimHandler) => Promise<void> },
): Promise<() => Promise<void>> {
  const pod = { namespace: config.podNamespace, name: config.podName, uid: config.podUid };
  const holder = new DriverHolder({
    directory: dirname(paths.endpoint),
    identity: identifyDriver(pod, { pid: process.pid, hostname: hostname(), version }),
    endpoint: paths.endpoint,
    onTakenOver: ({ endpoint }) => leave(new RemoteClaimHandler(endpoint)),
    log: logger.forModule('holder'),
  });
  await holder.take();
  return () => holder.release();
}

/** Serves the driver's pages, unless that is switched off. */
async function startHttp({ config, logger }: DaemonOptions, sources: HttpSources): Promise<() => Promise<void>> {
  if (!config.bindAddress) return async () => {};
  const http = new HttpServer({
    bindAddress: config.bindAddress,
    routes: createHttpRoutes(sources),
    log: logger.forModule('http'),
  });
  await http.start();
  return () => http.stop();
}

/** The devices as they are to be published now. */
function describeSliceDevices(config: Config, { machine }: Foundation, { findings }: Preflight): SliceDevice[] {
  const { exposePcieRoots, publishNodeAllocatableResourceMapping: publishNodeAllocatable } = config;
  const shown = { exposePcieRoots, publishNodeAllocatable, taints: taintFor(findings) };
  return machine.devices.devices.map((device) => toSliceDevice(device, machine.topology, shown));
}

/** Starts part after part; what ends each is put on `stops` at once. */
async function startParts(options: DaemonOptions, { base, roles, doors }: Stops): Promise<void> {
  const { config, logger } = options;
  const paths = chooseSocketPaths({
    kubeletRoot: config.kubeletRootDirectory,
    driverName: DRIVER_NAME,
    podUid: config.podUid,
  });
  // What takes time and touches nothing comes first: from here to the runtime's connection nobody pins new containers.
  const readiness = new Readiness();
  const metrics = createMetrics(() => readMetricsState(readState()));
  const { environment } = options;
  const api = await connectApi({ config, environment, log: logger.forModule('apiserver'), readiness, metrics });
  base.push(async () => {
    await Promise.all([api.statuses.stop(), api.events.stop()]);
    api.close();
  });
  const machine = await loadMachine(config);
  let leave = (_successor: ClaimHandler): Promise<void> => stopAll(roles);
  base.push(await takeNode(options, { paths, leave: (successor) => leave(successor) }));
  const foundation = await loadFoundation(config, machine, logger.forModule('driver'));
  for (let file = 0; file < foundation.damagedFiles; file += 1) metrics.recordDamagedFile();
  const pinning = createPinning(options, foundation, { api, metrics, readiness });
  const health = new HealthMonitor({
    foundation,
    pinning,
    setStatus: (claim, devices) => api.statuses.set(claim, devices),
  });
  const claims = createClaimService(options, foundation, { api, metrics, pinning, health, paths });
  const handler = new ReplaceableClaimHandler(claims);
  const kubelet = createKubeletPlugin(options, handler, { paths, readiness, health, metrics });
  let publish = () => {};
  const preflight = createPreflight(options, { api, readiness, onChange: () => publish() });
  leave = async (successor) => {
    await handler.replace(successor);
    await stopAll(roles);
  };

  const readState = (): NodeState => ({
    nodeName: config.nodeName,
    version,
    runtime: pinning.runtime && describeRuntime(pinning.runtime),
    topology: foundation.machine.topology,
    ledger: foundation.ledger,
    containers: pinning.containers.placed,
    conditions: readiness.readConditions(),
    findings: preflight.findings,
  });
  let isStarted = false;
  const sources = { isStarted: () => isStarted, readConditions: readiness.readConditions, metrics, readState };
  base.push(await startHttp(options, sources));
  pinning.start();
  roles.push(() => pinning.stop());
  roles.push(repeat(ABANDONED_INTERVAL_MS, () => claims.releaseAbandoned((uid) => pinning.containers.usesClaim(uid))));
  roles.push(repeat(HEALTH_INTERVAL_MS, async () => health.check()));
  roles.push(repeat(PREFLIGHT_INTERVAL_MS, () => preflight.run()));
  await kubelet.start();
  doors.push(() => kubelet.stop());
  await preflight.lookAtKubelet();
  publish = () => api.slices.setDevices(describeSliceDevices(config, foundation, preflight));
  publish();
  api.slices.start();
  roles.push(() => api.slices.stop());
  const onChange = () => {
    publish();
    pinning.claimsChanged();
    health.check();
  };
  const unfollow = followMachine({ config, foundation, onChange, log: logger.forModule('driver') });
  roles.push(async () => unfollow());
  health.reportClaims();
  isStarted = true;
  // Not waited for: it asks the API server, which may be away.
  void preflight.run();
}

/**
 * Starts the driver: reads the machine and the claims prepared before, and only then opens its sockets.
 * @throws an error with a `code` that says what is missing; nothing stays open then.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const stops: Stops = { base: [], roles: [], doors: [] };
  const stop = async () => {
    await stopAll(stops.doors);
    await stopAll(stops.roles);
    await stopAll(stops.base);
  };
  try {
    await startParts(options, stops);
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
