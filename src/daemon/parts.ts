import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { readPodCpus } from '../cgroup/pod-cpus.ts';
import type { Config } from '../config/config.ts';
import { type SliceDevice, toSliceDevice } from '../devices/slice-device.ts';
import { type Advice, adviseOnRequest } from '../prepare/advice.ts';
import { ClaimService } from '../prepare/prepare.ts';
import { ClaimUsage } from '../prepare/claim-usage.ts';
import { describeIntruder } from '../prepare/health.ts';
import { ClaimRefresh } from '../prepare/refresh-claims.ts';
import type { DriftedContainer } from '../containers/drift.ts';
import type { ClaimHandler } from '../kubelet/claim-handler.ts';
import { KubeletPlugin } from '../kubelet/kubelet-plugin.ts';
import { RemoteClaimHandler } from '../handover/remote-handler.ts';
import type { SocketPaths } from '../sockets/socket-paths.ts';
import { sleep } from '../lib/backoff.ts';
import { errorText, type Log } from '../lib/log.ts';
import { version } from '../lib/version.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { NodeState } from '../view/cpu-map.ts';
import { type ClaimReporter, createClaimObserver, errorCode } from './claim-observer.ts';
import type { ApiSide } from './connect-api.ts';
import type { ClaimsDirectory } from '../handover/claims-directory.ts';
import { DriverHolder } from '../handover/driver-holder.ts';
import { identifyDriver } from '../handover/driver-identity.ts';
import type { Foundation } from './foundation.ts';
import type { HealthMonitor } from './health-monitor.ts';
import { createHttpRoutes, type HttpSources } from '../http/http-routes.ts';
import { HttpServer } from '../http/http-server.ts';
import type { Logger } from '../logging/logger.ts';
import type { RuntimeInfo } from '../nri/index.ts';
import { Pinning } from '../containers/pinning.ts';
import { taintFor } from '../preflight/finding.ts';
import { Preflight } from '../preflight/preflight.ts';
import { readCurrentFile } from '../preflight/read-current-file.ts';
import { DRIVER_NAME, findReserved } from './read-machine.ts';
import type { Readiness } from './readiness.ts';
import { quote } from '../lib/quote.ts';

/** What a daemon is made of. */
export interface DaemonOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** The process's environment, which tells a pod where the API server is. */
  readonly environment: NodeJS.ProcessEnv;
}

/** Tells a pod's author what the driver noticed. */
export function tellAdvice({ regarding, reason, message }: Advice, { log, api }: { log: Log; api: ApiSide }): void {
  const name = `${regarding.namespace}/${regarding.name}`;
  if (regarding.kind === 'Pod') log.warn('advice for a pod', { pod: name, reason: message });
  else log.warn('advice for a claim', { claim: name, reason: message });
  api.events.record({ regarding, type: 'Warning', reason, message });
}

/** The half that faces the container runtime, and who hears what it does. */
export function createPinning(
  { config, logger }: DaemonOptions,
  foundation: Foundation,
  { api, metrics, readiness, refresh }: { api: ApiSide; metrics: Metrics; readiness: Readiness; refresh: ClaimRefresh },
): Pinning {
  const log = logger.forModule('driver');
  let wasSynchronized = false;
  const pinning: Pinning = new Pinning({
    ledger: foundation.ledger,
    machine: () => foundation.machine,
    nriSocketPath: config.nriSocket,
    hostRoot: config.hostRoot,
    unsolicitedUpdates: config.unsolicitedUpdates,
    ownPodUid: config.podUid,
    listClaims: api.listClaims,
    records: foundation.store,
    log,
    nriLog: logger.forModule('nri'),
    onHook: metrics.recordHook,
    onFinding: metrics.recordDrift,
    onOwned: (uid) => void recordOwner(uid, foundation, log),
    onDoubt: (uid, podNamespace) => refresh.request(uid, podNamespace),
    onStuck: (stuck) => reportStuck(stuck, { foundation, pinning, api }),
    onClaimed: (container) => {
      // With the mapping of KEP-5517 the scheduler counts both as one.
      const advice = config.publishNodeAllocatableResourceMapping ? undefined : adviseOnRequest(container);
      if (advice) tellAdvice(advice, { log: logger.forModule('driver'), api });
    },
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
        readiness.fail('nri-synchronized', `${quote(config.nriSocket)}: ${errorText(state.cause)}`);
      }
    },
  });
  return pinning;
}

/** Records which container uses a claim, so that a restart of the driver does not forget it. */
async function recordOwner(uid: string, { ledger, store }: Foundation, log: Log): Promise<void> {
  try {
    await store.exclusively(uid, async () => {
      const claim = ledger.find(uid);
      if (claim) await store.writeRecord({ claim, owner: ledger.ownerOf(uid) });
    });
  } catch (error) {
    log.error('Failed to record which container uses a claim', { uid, reason: errorText(error) });
  }
}

/** Says on each claim whose CPUs a container uses that cannot be moved which container that is. */
function reportStuck(
  stuck: DriftedContainer,
  { foundation, pinning, api }: { foundation: Foundation; pinning: Pinning; api: ApiSide },
): void {
  const own = pinning.containers.find(stuck.id)?.claimUids ?? [];
  for (const claim of foundation.ledger.claims) {
    if (own.includes(claim.uid) || !stuck.effective.intersects(claim.cpus)) continue;
    const { uid, namespace, name } = claim;
    const message = `CPUs of this claim are used by another container: ${describeIntruder(claim, stuck)}`;
    const regarding = { kind: 'ResourceClaim', uid, namespace, name } as const;
    api.events.record({ regarding, type: 'Warning', reason: 'CPUsUsedByOthers', message });
  }
}

/** Asks the API server again whose containers may use claims. */
export function createClaimRefresh({ logger }: DaemonOptions, foundation: Foundation, api: ApiSide): ClaimRefresh {
  const refresh = new ClaimRefresh(foundation.ledger, {
    machine: () => foundation.machine,
    fetchClaim: api.fetchClaim,
    listClaims: api.listClaims,
    records: foundation.store,
    now: () => performance.now(),
    log: logger.forModule('claims'),
  });
  return refresh;
}

/** The container runtime, as pages show it. */
function describeRuntime({ name, version: release, nriVersion = 'unknown' }: RuntimeInfo): string {
  return `${name} ${release}, NRI ${nriVersion}`;
}

/** What follows whether containers use their claims; with the mapping of KEP-5517 the scheduler counts requests as one with them. */
export function createClaimUsage({ config }: DaemonOptions, { ledger }: Foundation): ClaimUsage {
  const usage = new ClaimUsage({ judgesRequests: !config.publishNodeAllocatableResourceMapping });
  for (const claim of ledger.claims) usage.prepared(claim, undefined, performance.now());
  return usage;
}

/** The half that faces the kubelet's claims, and who hears what became of each. */
export function createClaimService(
  { logger }: DaemonOptions,
  foundation: Foundation,
  parts: {
    api: ApiSide;
    metrics: Metrics;
    pinning: Pinning;
    health: HealthMonitor;
    usage: ClaimUsage;
  },
): ClaimService {
  const { api, metrics, pinning, health, usage } = parts;
  const reporter: ClaimReporter = {
    prepared: (claim, pods) => {
      health.reportClaims([claim]);
      usage.prepared(claim, pods, performance.now());
    },
    unprepared: (reference) => {
      api.statuses.remove(reference);
      usage.unprepared(reference.uid);
    },
    recordEvent: (event) => api.events.record(event),
  };
  return new ClaimService(foundation.ledger, {
    machine: () => foundation.machine,
    fetchClaim: api.fetchClaim,
    records: foundation.store,
    whenPinning: () => pinning.whenPinning(),
    whenUpdatesArrived: () => pinning.whenUpdatesArrived(),
    usesClaim: (uid) => pinning.containers.usersOf(uid).length > 0,
    findRunning: (uid) => pinning.findRunning(uid),
    observe: createClaimObserver(logger.forModule('claims'), metrics, reporter),
    onChange: () => pinning.claimsChanged(),
    now: () => performance.now(),
    sleep,
  });
}

/** What looks whether the node's settings contradict the driver's. */
export function createPreflight(
  { config, logger }: DaemonOptions,
  foundation: Foundation,
  { api, readiness, onChange }: { api: ApiSide; readiness: Readiness; onChange: () => void },
): Preflight {
  return new Preflight({
    cpuManagerStatePath: join(config.kubeletRootDirectory, 'cpu_manager_state'),
    readFile: readCurrentFile,
    fetchNode: api.fetchNode,
    readReserved: () => findReserved(config, foundation.machine.topology),
    readPods: () => ({ podCpus: readPodCpus(config.hostRoot), online: foundation.machine.topology.online }),
    readiness,
    onChange,
    log: logger.forModule('preflight'),
  });
}

/** The driver as the kubelet meets it. */
export function createKubeletPlugin(
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

/**
 * Takes the node, from a predecessor in a rolling update if need be, and hands it over to a successor. `claims` is the
 * directory of claim records that comes with the node.
 */
export async function takeNode(
  { config, logger }: DaemonOptions,
  {
    paths,
    leave,
    onAbandoned,
  }: {
    paths: SocketPaths;
    leave: (successor: RemoteClaimHandler, options: { readonly isFenced: boolean }) => Promise<void>;
    onAbandoned: () => void;
  },
): Promise<{ holder: DriverHolder; claims: ClaimsDirectory }> {
  const pod = { namespace: config.podNamespace, name: config.podName, uid: config.podUid };
  const holder = new DriverHolder({
    directory: dirname(paths.endpoint),
    identity: identifyDriver(pod, { pid: process.pid, hostname: hostname(), version }),
    endpoint: paths.endpoint,
    onTakenOver: ({ endpoint, isFenced }) => leave(new RemoteClaimHandler(endpoint), { isFenced }),
    onAbandoned,
    log: logger.forModule('holder'),
  });
  return { holder, claims: await holder.take() };
}

/** Serves the driver's pages, unless that is switched off. */
export async function startHttp({ config, logger }: DaemonOptions, sources: HttpSources): Promise<() => Promise<void>> {
  if (!config.bindAddress) return async () => {};
  const http = new HttpServer({
    bindAddress: config.bindAddress,
    routes: createHttpRoutes(sources),
    log: logger.forModule('http'),
  });
  await http.start();
  return () => http.stop();
}

/** The node as it is now, for pages and metrics. */
export function describeNode(
  { config }: DaemonOptions,
  {
    foundation: { machine, ledger },
    pinning,
    readiness,
    preflight,
  }: { foundation: Foundation; pinning: Pinning; readiness: Readiness; preflight: Preflight },
): NodeState {
  return {
    nodeName: config.nodeName,
    version,
    runtime: pinning.runtime && describeRuntime(pinning.runtime),
    topology: machine.topology,
    ledger,
    containers: pinning.containers.placed,
    conditions: readiness.readConditions(),
    findings: preflight.findings,
  };
}

/** The devices as they are to be published now. */
export function describeSliceDevices(config: Config, { machine }: Foundation, { findings }: Preflight): SliceDevice[] {
  const { exposePcieRoots, publishNodeAllocatableResourceMapping: publishNodeAllocatable } = config;
  const shown = { exposePcieRoots, publishNodeAllocatable, taints: taintFor(findings) };
  return machine.devices.devices.map((device) => toSliceDevice(device, machine.topology, shown));
}
