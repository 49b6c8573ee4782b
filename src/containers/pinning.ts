import { hasProcess, readContainerCpuset } from '../cgroup/container-cpuset.ts';
import type { Ledger } from '../claims/ledger.ts';
import { Adoption, type AdoptionPorts } from './adopt.ts';
import { type CpusetUpdate, describeContainer } from './container.ts';
import { Containers, type SynchronizeFinding } from './containers.ts';
import { type DriftOutcome, type DriftPorts, type DriftReport, DriftWatch } from './drift.ts';
import type { Machine } from '../devices/machine.ts';
import { UpdatePusher } from './push-updates.ts';
import { sleep } from '../lib/backoff.ts';
import { errorText, type Log } from '../lib/log.ts';
import {
  cpusetUpdate,
  type HookReport,
  NriPlugin,
  type NriPluginState,
  type RuntimeInfo,
  type UnsolicitedUpdates,
  updateThroughSynchronize,
} from '../nri/index.ts';
import { findMemoryNodes } from '../topology/memory-nodes.ts';
import { createNriHandlers, type CreationListeners, toCpuset } from './nri-adapter.ts';
import { PinningGate } from './pinning-gate.ts';

/** Name among a runtime's plugins, and place: they are called in ascending order, nobody's cpuset comes before ours. */
const IDENTITY = { name: 'dra.cpu', index: '00' };

/** Between two looks at the cpusets of all containers, in milliseconds. */
const DRIFT_INTERVAL_MS = 5000;

/** How long a claim waits for updates on their way, in milliseconds; the runtime takes 17 ms for each of up to 32. */
const UPDATES_TIMEOUT_MS = 5_000;

/** What pinning is made of. */
export interface PinningOptions extends CreationListeners {
  readonly ledger: Ledger;
  /** The node as it is now. */
  readonly machine: () => Machine;
  readonly nriSocketPath: string;
  /** Where the host's /proc and /sys are seen. */
  readonly hostRoot: string;
  readonly ownPodUid?: string | undefined;
  readonly unsolicitedUpdates: UnsolicitedUpdates;
  readonly listClaims: AdoptionPorts['listClaims'];
  readonly records: AdoptionPorts['records'];
  /** For decisions on containers. */
  readonly log: Log;
  /** For the connection with the runtime. */
  readonly nriLog: Log;
  /** In milliseconds; 5 s by default. */
  readonly driftIntervalMs?: number;
  readonly onHook?: (report: HookReport) => void;
  /** Told of containers found with other CPUs than decided, at a Synchronize or by the watch; for counters. */
  readonly onFinding?: (finding: SynchronizeFinding | DriftOutcome) => void;
  /** A claim got another owner, which its record is to keep. */
  readonly onOwned?: (uid: string) => void;
  /** Whose containers may use a claim is to be asked for again. */
  readonly onDoubt?: (uid: string, podNamespace?: string) => void;
  /** A container cannot be moved off CPUs that it must not use. */
  readonly onStuck?: DriftPorts['onStuck'];
  readonly onState?: (state: NriPluginState) => void;
}

// Without `ignoreFailure`: outside a hook a failure is worth knowing.
function toMessages(updates: readonly CpusetUpdate[]) {
  return updates.map((update) => cpusetUpdate(update.containerId, toCpuset(update)));
}

/**
 * The half of the driver that faces the container runtime: an NRI plugin whose hooks are answered from `Containers`, what
 * must be told outside a hook, the adoption of claims that running containers name, and the watch over real cpusets.
 */
export class Pinning {
  readonly containers: Containers;
  readonly #options: PinningOptions;
  readonly #plugin: NriPlugin;
  readonly #pusher: UpdatePusher;
  readonly #adoption: Adoption;
  readonly #drift: DriftWatch;
  readonly #gate = new PinningGate();
  #lastReport: DriftReport | undefined;
  #runtime: RuntimeInfo | undefined;
  #run: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;

  constructor(options: PinningOptions) {
    this.#options = options;
    const { ledger, log, hostRoot, onFinding = () => {} } = options;
    this.containers = new Containers(ledger, log, {
      findMemoryNodes: (cpus) => findMemoryNodes(options.machine().topology, cpus),
      onFinding,
      ...(options.onOwned && { onOwned: options.onOwned }),
      ...(options.onDoubt && { onDoubt: options.onDoubt }),
      ownPodUid: options.ownPodUid,
    });
    this.#pusher = new UpdatePusher(this.containers, {
      send: async (updates) => (await this.#plugin.updateContainers(toMessages(updates))).kind,
      sendSlowly: (updates) => this.#sendSlowly(updates),
      log,
    });
    this.#adoption = new Adoption(options.machine, ledger, this.containers, {
      listClaims: options.listClaims,
      records: options.records,
      onChange: () => this.claimsChanged(),
      log,
    });
    this.#drift = new DriftWatch(this.containers, {
      readCpuset: (facts) => readContainerCpuset(hostRoot, facts),
      readOnline: () => options.machine().topology.online,
      push: () => this.#pusher.push({ byAllMeans: true }),
      onOutcome: onFinding,
      ...(options.onStuck && { onStuck: options.onStuck }),
      log,
    });
    this.#plugin = new NriPlugin({
      ...IDENTITY,
      socketPath: options.nriSocketPath,
      unsolicitedUpdates: options.unsolicitedUpdates,
      handlers: createNriHandlers(this.containers, {
        ...options,
        // After the hook: inside one the runtime waits for its answer and takes no updates.
        onUnanswered: () => void setImmediate(() => void this.#pusher.push({ byAllMeans: true })),
      }),
      log: options.nriLog,
      ...(options.onHook ? { onHook: options.onHook } : {}),
      onState: (state) => this.#followState(state),
    });
  }

  /** Why containers are not being pinned; undefined while the runtime is connected. */
  get whyNotPinning(): string | undefined {
    const { state } = this.#plugin;
    if (state.kind === 'synchronized') return undefined;
    return `no NRI connection to the container runtime${state.kind === 'waiting' ? `: ${errorText(state.cause)}` : ''}`;
  }

  /** The last look at all containers; undefined before the first. */
  get driftReport(): DriftReport | undefined {
    return this.#lastReport;
  }

  /** The container runtime that was met last; undefined before any was. */
  get runtime(): RuntimeInfo | undefined {
    return this.#runtime;
  }

  /** Begins to connect and to watch. Does nothing when already started. */
  start(): void {
    if (this.#run) return;
    const abort = new AbortController();
    this.#plugin.start();
    this.#run = { abort, done: this.#watch(abort.signal) };
  }

  /** Leaves the runtime, updates on their way included; containers keep their CPUs. May be called again. */
  async stop(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    run?.abort.abort();
    await this.#plugin.stop();
    await run?.done;
  }

  /** Resolves when new claims may get CPUs, or with the reason why not when that takes too long. */
  whenPinning(): Promise<string | undefined> {
    return this.#gate.whenOpen();
  }

  /** Resolves when the updates that are on their way to the runtime now have arrived, or their time is up. */
  async whenUpdatesArrived(): Promise<void> {
    const abort = new AbortController();
    await Promise.race([this.#pusher.whenArrived(), sleep(UPDATES_TIMEOUT_MS, abort.signal)]);
    abort.abort();
  }

  /** A container with the claim's CPUs of which a process lives, as messages name it. */
  async findRunning(uid: string): Promise<string | undefined> {
    for (const facts of this.containers.mayRun(uid)) {
      if (await hasProcess(this.#options.hostRoot, facts)) return describeContainer(facts);
    }
    return undefined;
  }

  /** Claims got or released CPUs, or CPUs came or went: the runtime is told what follows for containers. */
  claimsChanged(): void {
    this.containers.observeOnline(this.#options.machine().topology.online);
    if (this.#plugin.state.kind === 'synchronized') void this.#pusher.push();
  }

  #followState(state: NriPluginState): void {
    if (state.kind === 'synchronized') {
      this.#runtime = state.runtime;
      const [first] = this.containers.unverified;
      if (first) this.#gate.close(`the claim of running container ${first.facts.podName} must first be checked`);
      void this.#adopt();
    } else if (state.kind === 'waiting') {
      this.#gate.close(
        'there is no NRI connection to the container runtime ' +
          `(${JSON.stringify(this.#options.nriSocketPath)}: ${errorText(state.cause)}); see that the runtime runs with ` +
          'NRI enabled and that --nri-socket is its socket',
      );
    }
    this.#options.onState?.(state);
  }

  /** New claims may be served once no running container may hold CPUs that the ledger does not know of. */
  async #adopt(): Promise<void> {
    if (this.containers.unverified.length > 0 && this.#run) await this.#adoption.settle(this.#run.abort.signal);
    if (this.#plugin.state.kind === 'synchronized' && this.containers.unverified.length === 0) this.#gate.open();
  }

  #sendSlowly(updates: readonly CpusetUpdate[]): Promise<void> {
    const { nriSocketPath, nriLog } = this.#options;
    const identity = { name: `${IDENTITY.name}-updates`, index: IDENTITY.index };
    // Claims come and go until the runtime lets the plugin in; what was decided before could put containers onto their CPUs.
    const decide = () => toMessages(this.containers.renewUpdates(updates));
    const signal = this.#run?.abort.signal ?? AbortSignal.abort();
    return updateThroughSynchronize({ ...identity, socketPath: nriSocketPath, log: nriLog, signal }, decide);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(this.#options.driftIntervalMs ?? DRIFT_INTERVAL_MS, signal);
      if (signal.aborted || this.#plugin.state.kind !== 'synchronized') continue;
      this.#lastReport = await this.#drift.check();
    }
  }
}
