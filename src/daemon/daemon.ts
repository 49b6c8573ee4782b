import { dirname } from 'node:path';
import { MetadataDirectory } from '../cdi/metadata-directory.ts';
import { SpecDirectory } from '../cdi/spec-directory.ts';
import { Ledger } from '../claims/ledger.ts';
import type { Config } from '../config/config.ts';
import { toSliceDevice } from '../devices/slice-device.ts';
import { ClaimService } from '../driver/claim-service.ts';
import type { Machine } from '../driver/machine.ts';
import { recoverClaims } from '../driver/recover.ts';
import { KubeletPlugin } from '../kubelet/kubelet-plugin.ts';
import { chooseSocketPaths, type SocketPaths } from '../kubelet/socket-paths.ts';
import { sleep } from '../lib/backoff.ts';
import { errorText } from '../lib/log.ts';
import { version } from '../lib/version.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import type { NodeState } from '../view/cpu-map.ts';
import { createClaimObserver } from './claim-observer.ts';
import { type ApiSide, connectApi } from './connect-api.ts';
import { createHttpRoutes, readMetricsState } from './http-routes.ts';
import { HttpServer } from './http-server.ts';
import type { Logger } from './logger.ts';
import { Pinning } from './pinning.ts';
import { DRIVER_NAME, readMachine, readOverlay } from './read-machine.ts';
import { Readiness } from './readiness.ts';

/** How often claims that the API server no longer has are looked for, in milliseconds. */
const ABANDONED_INTERVAL_MS = 60_000;

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

/** What is known before any peer can call: the machine, and the claims that were prepared before. */
interface Foundation {
  machine: Machine;
  readonly ledger: Ledger;
  readonly specs: SpecDirectory;
  /** Spec files that could not be read. */
  readonly damagedFiles: number;
}

async function loadFoundation({ config, logger }: DaemonOptions): Promise<Foundation> {
  const log = logger.forModule('driver');
  const machine = readMachine(config, await readOverlay(config));
  const { topology, devices } = machine;
  const ledger = new Ledger({
    allocatable: devices.allocatable,
    reserved: config.reservedCpus.intersection(topology.online),
  });
  const specs = new SpecDirectory(config.cdiDirectory);
  const { unknownUids } = recoverClaims(await specs.readAll(), ledger, log);
  log.info('topology read', {
    cpus: topology.online.toString(),
    devices: devices.devices.map(({ name }) => name),
    problems: topology.problems.length,
  });
  return { machine, ledger, specs, damagedFiles: unknownUids.length };
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

function createClaimService(
  { logger, config }: DaemonOptions,
  foundation: Foundation,
  parts: { api: ApiSide; metrics: Metrics; pinning: Pinning; paths: SocketPaths },
): ClaimService {
  const { api, metrics, pinning, paths } = parts;
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
    observe: createClaimObserver(logger.forModule('claims'), metrics),
    onChange: () => pinning.claimsChanged(),
    now: () => performance.now(),
    sleep,
  });
}

function createKubeletPlugin(
  { logger }: DaemonOptions,
  claims: ClaimService,
  { paths, readiness }: { paths: SocketPaths; readiness: Readiness },
): KubeletPlugin {
  const log = logger.forModule('kubelet');
  return new KubeletPlugin({
    driverName: DRIVER_NAME,
    registrationSocketPath: paths.registration,
    endpointSocketPath: paths.endpoint,
    handler: claims,
    onRegistration: (verdict) => {
      if (verdict.registered) {
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

/** Starts part after part and puts what ends each on `stops`. */
async function startParts(options: DaemonOptions, stops: (() => Promise<void>)[]): Promise<void> {
  const { config, logger } = options;
  const readiness = new Readiness();
  const paths = chooseSocketPaths({
    kubeletRoot: config.kubeletRootDirectory,
    driverName: DRIVER_NAME,
    podUid: config.podUid,
  });
  const foundation = await loadFoundation(options);
  const { ledger, machine } = foundation;
  const metrics = createMetrics(() => readMetricsState(readState()));
  for (let file = 0; file < foundation.damagedFiles; file += 1) metrics.recordDamagedFile();
  const api = await connectApi({
    config,
    environment: options.environment,
    log: logger.forModule('apiserver'),
    readiness,
  });
  stops.push(async () => api.close());
  const pinning = createPinning(options, foundation, { api, metrics, readiness });
  const claims = createClaimService(options, foundation, { api, metrics, pinning, paths });
  const kubelet = createKubeletPlugin(options, claims, { paths, readiness });
  const readState = (): NodeState => ({
    nodeName: config.nodeName,
    version,
    topology: foundation.machine.topology,
    ledger,
    containers: pinning.containers.placed,
    conditions: readiness.readConditions(),
    findings: [],
  });

  let isStarted = false;
  if (config.bindAddress) {
    const sources = { isStarted: () => isStarted, readConditions: readiness.readConditions, metrics, readState };
    const http = new HttpServer({
      bindAddress: config.bindAddress,
      routes: createHttpRoutes(sources),
      log: logger.forModule('http'),
    });
    await http.start();
    stops.push(() => http.stop());
  }
  pinning.start();
  stops.push(() => pinning.stop());
  stops.push(repeat(ABANDONED_INTERVAL_MS, () => claims.releaseAbandoned((uid) => pinning.containers.usesClaim(uid))));
  await kubelet.start();
  stops.push(() => kubelet.stop());
  const { exposePcieRoots } = config;
  api.slices.setDevices(
    machine.devices.devices.map((device) => toSliceDevice(device, machine.topology, { exposePcieRoots })),
  );
  api.slices.start();
  stops.push(() => api.slices.stop());
  isStarted = true;
}

/**
 * Starts the driver: reads the machine and the claims prepared before, and only then opens its sockets.
 * @throws an error with a `code` that says what is missing; nothing stays open then.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (let last = stops.pop(); last; last = stops.pop()) await last();
  };
  try {
    await startParts(options, stops);
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
