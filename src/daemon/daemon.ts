import type { RemoteClaimHandler } from '../handover/remote-handler.ts';
import { ReplaceableClaimHandler } from '../handover/replaceable-handler.ts';
import { chooseSocketPaths } from '../sockets/socket-paths.ts';
import { sweepStaleSockets } from '../sockets/stale-sockets.ts';
import { sleep } from '../lib/backoff.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { REFUSAL_REASONS } from './claim-observer.ts';
import { connectApi } from './connect-api.ts';
import { loadFoundation, loadMachine } from './foundation.ts';
import { followMachine } from './follow-machine.ts';
import { HealthMonitor } from './health-monitor.ts';
import { readMetricsState } from '../http/http-routes.ts';
import {
  createClaimRefresh,
  createClaimService,
  createClaimUsage,
  createKubeletPlugin,
  createPinning,
  createPreflight,
  type DaemonOptions,
  describeNode,
  describeSliceDevices,
  startHttp,
  takeNode,
  tellAdvice,
} from './parts.ts';
import { DRIVER_NAME } from './read-machine.ts';
import { Readiness } from './readiness.ts';

/** How often claims that the API server no longer has are looked for, in milliseconds. */
const ABANDONED_INTERVAL_MS = 60_000;

/** How often the devices' health is judged, in milliseconds; as often as containers are looked at. */
const HEALTH_INTERVAL_MS = 5_000;

/** How often the node's settings are looked at, in milliseconds. */
const PREFLIGHT_INTERVAL_MS = 300_000;

/**
 * How long calls under way may take when another driver takes over, in milliseconds: less than that one waits (driver-holder.ts), more
 * than all but a call that waits for CPUs or for the API server.
 */
const CALLS_END_TIMEOUT_MS = 9_000;

/** The driver of one node, running. */
export interface Daemon {
  /**
   * Resolves when the node was given up to another pod of the same installation and nobody has it any more: stop, and start
   * anew.
   */
  readonly abandoned: Promise<void>;
  /** Stops in the reverse order of the start; may be called twice. Containers keep their CPUs, slices stay published. */
  stop(): Promise<void>;
}

/**
 * Runs a function now and then until stopped, one round at a time. A round under way is not waited for: it may be asking an API
 * server that is away, and what it acts on is stopped besides.
 */
function repeat(intervalMs: number, round: () => Promise<void>): () => Promise<void> {
  const abort = new AbortController();
  const loop = async () => {
    for (await sleep(intervalMs, abort.signal); !abort.signal.aborted; await sleep(intervalMs, abort.signal)) {
      await round();
    }
  };
  void loop();
  return async () => abort.abort();
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

/** Starts part after part; what ends each is put on `stops` at once. */
async function startParts(
  options: DaemonOptions,
  { base, roles, doors }: Stops,
  onAbandoned: () => void,
): Promise<void> {
  const { config, logger } = options;
  const paths = chooseSocketPaths({
    kubeletRoot: config.kubeletRootDirectory,
    driverName: DRIVER_NAME,
    podUid: config.podUid,
  });
  // What takes time and touches nothing comes first: from here to the runtime's connection nobody pins new containers.
  const readiness = new Readiness();
  const metrics = createMetrics(() => readMetricsState(readState()), { refusalReasons: REFUSAL_REASONS });
  base.push(async () => metrics.stop());
  const { environment } = options;
  const api = await connectApi({ config, environment, log: logger.forModule('apiserver'), readiness, metrics });
  base.push(async () => {
    await Promise.all([api.statuses.stop(), api.events.stop()]);
    api.close();
  });
  const machine = await loadMachine(config);
  const started = Promise.withResolvers<ReplaceableClaimHandler>();
  const leave = async (successor: RemoteClaimHandler, { isFenced }: { readonly isFenced: boolean }) => {
    base.push(async () => successor.close());
    // Who is to leave while still starting would go on with it afterwards.
    const handler = await started.promise;
    const ended = handler.replace(successor);
    if (!isFenced) await Promise.race([ended, sleep(CALLS_END_TIMEOUT_MS)]);
    await stopAll(roles);
  };
  const abandon = () => void stopAll(roles).then(onAbandoned);
  const { holder, claims: directory } = await takeNode(options, { paths, leave, onAbandoned: abandon });
  base.push(() => holder.release());
  roles.push(sweepStaleSockets({ driverName: DRIVER_NAME, paths, log: logger.forModule('holder') }));
  const foundation = await loadFoundation(config, machine, { directory, log: logger.forModule('driver') });
  base.push(() => foundation.names.idle());
  roles.push(() => foundation.stopFiles());
  for (let file = 0; file < foundation.damagedFiles; file += 1) metrics.recordDamagedFile();
  const refresh = createClaimRefresh(options, foundation, api);
  const pinning = createPinning(options, foundation, { api, metrics, readiness, refresh });
  const usage = createClaimUsage(options, foundation);
  const health = new HealthMonitor({
    foundation,
    pinning,
    usageOf: (uid) => usage.conditionsOf(uid),
    setStatus: (claim, devices) => api.statuses.set(claim, devices),
  });
  const claims = createClaimService(options, foundation, {
    api,
    metrics,
    pinning,
    health,
    usage,
  });
  const handler = new ReplaceableClaimHandler(claims);
  const kubelet = createKubeletPlugin(options, handler, { paths, readiness, health, metrics });
  let publish = () => {};
  const preflight = createPreflight(options, foundation, { api, readiness, onChange: () => publish() });
  const readState = () => describeNode(options, { foundation, pinning, readiness, preflight });
  let isStarted = false;
  const sources = { isStarted: () => isStarted, readConditions: readiness.readConditions, metrics, readState };
  base.push(await startHttp(options, sources));
  pinning.start();
  roles.push(() => pinning.stop());
  // Without the runtime it is not known which claims containers use.
  const releaseAbandoned = async () => {
    if (pinning.whyNotPinning === undefined) await claims.releaseAbandoned();
  };
  roles.push(repeat(ABANDONED_INTERVAL_MS, releaseAbandoned));
  const look = async () => {
    // Without the runtime it is not known which containers there are.
    const found = pinning.whyNotPinning === undefined ? usage.look(pinning.containers.decided, performance.now()) : [];
    for (const advice of found) tellAdvice(advice, { log: logger.forModule('driver'), api });
    health.check();
  };
  roles.push(repeat(HEALTH_INTERVAL_MS, look));
  roles.push(repeat(PREFLIGHT_INTERVAL_MS, () => preflight.run()));
  await kubelet.start();
  doors.push(() => kubelet.stop());
  await preflight.lookAtKubelet();
  await holder.confirm();
  publish = () => api.slices.setDevices(describeSliceDevices(config, foundation, preflight));
  publish();
  api.slices.start();
  roles.push(() => api.slices.stop());
  const onChange = () => {
    publish();
    preflight.lookAtPods();
    pinning.claimsChanged();
    health.check();
  };
  const unfollow = followMachine({ config, foundation, onChange, log: logger.forModule('driver') });
  roles.push(async () => unfollow());
  roles.push(async () => {
    claims.close();
    health.silence();
  });
  await look();
  health.reportClaims();
  isStarted = true;
  started.resolve(handler);
  // Not waited for: these ask the API server, which may be away.
  void preflight.run();
  for (const { uid, users } of foundation.ledger.claims) if (!users) refresh.request(uid);
  void pinning.whenPinning().then(releaseAbandoned);
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
  const { promise: abandoned, resolve: onAbandoned } = Promise.withResolvers<void>();
  try {
    await startParts(options, stops, onAbandoned);
    return { abandoned, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
