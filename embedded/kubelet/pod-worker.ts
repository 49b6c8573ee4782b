import { setTimeout as delay } from 'node:timers/promises';
import { errorText, type Log } from '../../src/lib/log.ts';
import type { Container, ContainerState, Pod, ResourceStatus } from '../../src/resource-api/core-objects.ts';
import { parseQuantity } from '../../src/resource-api/quantity.ts';
import { StatusError } from '../apiserver/status-error.ts';
import type { ObjectStore } from '../apiserver/store/object-store.ts';
import type { ContainerStatus, SandboxStatus } from '../runtime/container.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { RuntimeError } from '../runtime/runtime-error.ts';
import { recordEvent } from '../scheduler/events.ts';
import type { ClaimManager } from './claim-manager.ts';
import { KubeletFault } from './kubelet-fault.ts';
import {
  type ContainerStart,
  isSidecar,
  type ObservedPod,
  type PodPlan,
  planPod,
  type StartFailure,
} from './pod-plan.ts';
import { describeEnd, describePod } from './pod-status.ts';
import type { KubeletTiming } from './timing.ts';

/** What all workers share. */
export interface PodWorkerOptions {
  readonly store: ObjectStore;
  readonly runtime: Runtime;
  readonly claims: ClaimManager;
  readonly timing: KubeletTiming;
  readonly healthOf: (pod: Pod, container: Container) => ResourceStatus[];
  /** Whether images can be had: without them no container is created. */
  readonly areImagesThere: () => boolean;
  readonly log: Log;
}

/** How long containers of a pod that is gone from the API may take to end. */
const ORPHAN_GRACE_SECONDS = 1;

const ENDED = new Set(['Succeeded', 'Failed']);

/** The kernel's weight of a CPU and the least there is, which no request has (kubelet 1.37, cm/helpers). */
const SHARES_PER_CPU = 1_024;
const SHARES_MIN = 2;
const NANOS_PER_CPU = 10n ** 9n;

/** The weight that a container's request, or its limit in place of one, amounts to. */
function toCpuShares({ requests, limits }: NonNullable<Container['resources']> = {}): number {
  const { nanos = 0n } = parseQuantity(requests?.['cpu'] ?? limits?.['cpu'] ?? '') ?? {};
  return Math.max(SHARES_MIN, Number((nanos * BigInt(SHARES_PER_CPU)) / NANOS_PER_CPU));
}

/** The newest container of each name. */
function newestOf(containers: readonly ContainerStatus[]): Map<string, ContainerStatus> {
  const newest = new Map<string, ContainerStatus>();
  for (const container of containers) {
    if ((newest.get(container.name)?.attempt ?? -1) < container.attempt) newest.set(container.name, container);
  }
  return newest;
}

/** What a change to a pod must differ in for the kubelet to act on it; its status is the kubelet's own. */
function wishOf({ metadata }: Pod): string {
  const { generation, deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  return JSON.stringify([generation, deletionTimestamp, deletionGracePeriodSeconds]);
}

/** Runs one pod: compares what the API wants with what the runtime has, acts, and writes the status, one round at a time. */
export class PodWorker {
  readonly #uid: string;
  readonly #options: PodWorkerOptions;
  readonly #onDone: () => void;
  readonly #stopped = new AbortController();
  readonly #failures = new Map<string, StartFailure>();
  readonly #lastEnds = new Map<string, ContainerState>();
  /** As the API has it, or had it last. */
  #pod: Pod | undefined;
  #isGone = false;
  #isDone = false;
  #isWanted = false;
  #rounds: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #prepareRetryAtMs = 0;
  #written = '';

  /** `onDone` is called when nothing is left of the pod. */
  constructor(uid: string, options: PodWorkerOptions, onDone: () => void) {
    this.#uid = uid;
    this.#options = options;
    this.#onDone = onDone;
  }

  /** Takes the pod as the API has it now. */
  update(pod: Pod): void {
    const isNews = this.#pod === undefined || wishOf(this.#pod) !== wishOf(pod);
    this.#pod = pod;
    if (isNews) this.wake();
  }

  /** The pod is no longer in the API. */
  remove(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.wake();
  }

  /** Has another look soon. */
  wake(): void {
    if (this.#stopped.signal.aborted || this.#isDone) return;
    this.#isWanted = true;
    this.#rounds ??= this.#run();
  }

  /** Ends the worker, not the pod, and waits for the round under way. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#timer);
    await this.#rounds;
  }

  async #run(): Promise<void> {
    // The caller, a listener of the store, must return before anything is written.
    await Promise.resolve();
    while (this.#isWanted && !this.#stopped.signal.aborted && !this.#isDone) {
      this.#isWanted = false;
      clearTimeout(this.#timer);
      try {
        await this.#round();
      } catch (error) {
        if (!(error instanceof RuntimeError || error instanceof StatusError || error instanceof KubeletFault))
          throw error;
        this.#options.log.warn('pod not synchronised', { pod: this.#pod?.metadata.name, reason: errorText(error) });
        this.#wakeAt(Date.now() + this.#options.timing.unprepareRetryMs);
      }
    }
    this.#rounds = undefined;
  }

  #wakeAt(unixMs: number | undefined): void {
    clearTimeout(this.#timer);
    if (unixMs === undefined || this.#stopped.signal.aborted) return;
    this.#timer = setTimeout(() => this.wake(), Math.max(1, unixMs - Date.now())).unref();
  }

  async #round(): Promise<void> {
    const pod = this.#pod;
    if (this.#isGone || !pod || pod.metadata.deletionTimestamp !== undefined) return this.#terminate();
    const observed = await this.#observe();
    if (ENDED.has(pod.status?.phase ?? '')) return this.#end(pod, observed);
    if (observed.sandbox?.state !== 'ready') return this.#makeSandbox(pod, observed);
    const { timing } = this.#options;
    const plan = planPod(pod, observed, { failures: this.#failures, timing, nowMs: Date.now() });
    if (ENDED.has(plan.phase)) {
      this.#writeStatus(pod, observed, plan);
      return this.#end(pod, observed);
    }
    if (plan.starts.length > 0 && !this.#options.areImagesThere()) return this.#writeStatus(pod, observed, plan);
    for (const start of plan.starts) {
      if (this.#stopped.signal.aborted) return;
      await this.#start(pod, {
        start,
        sandbox: observed.sandbox,
        previous: observed.containers.get(start.container.name),
      });
    }
    if (plan.starts.length === 0) {
      this.#writeStatus(pod, observed, plan);
      return this.#wakeAt(plan.wakeAtMs);
    }
    this.wake();
  }

  async #observe(): Promise<ObservedPod> {
    const { runtime } = this.#options;
    const sandboxes = (await runtime.listSandboxes()).filter(({ pod }) => pod.uid === this.#uid);
    const containers = (await runtime.listContainers()).filter(({ podUid }) => podUid === this.#uid);
    const newest = newestOf(containers);
    for (const [name, status] of newest) {
      const end = describeEnd(status);
      if (end) this.#lastEnds.set(name, end);
    }
    return { sandbox: sandboxes.at(-1), containers: newest };
  }

  /** Claims are prepared while the sandbox is made, and at no other time. */
  async #makeSandbox(pod: Pod, observed: ObservedPod): Promise<void> {
    if (Date.now() < this.#prepareRetryAtMs) return this.#wakeAt(this.#prepareRetryAtMs);
    const { claims, runtime, timing } = this.#options;
    try {
      await claims.prepare(pod);
    } catch (error) {
      if (!(error instanceof KubeletFault)) throw error;
      if (this.#stopped.signal.aborted) return;
      const message = `Failed to prepare dynamic resources: ${error.message}`;
      this.#tell(pod, 'Warning', 'FailedPrepareDynamicResources', message);
      this.#prepareRetryAtMs = Date.now() + timing.podResyncMs * (1 + Math.random() / 2);
      this.#writeStatus(pod, observed, { phase: 'Pending', isInitialized: false, backingOff: new Set() });
      return this.#wakeAt(this.#prepareRetryAtMs);
    }
    if (this.#stopped.signal.aborted) return;
    const { uid, name, namespace = '', labels = {}, annotations = {} } = pod.metadata;
    await runtime.runPodSandbox({ uid, name, namespace, labels, annotations });
    this.wake();
  }

  async #start(
    pod: Pod,
    what: { start: ContainerStart; sandbox: SandboxStatus; previous: ContainerStatus | undefined },
  ): Promise<void> {
    const { runtime, timing } = this.#options;
    const { container, attempt } = what.start;
    const { name } = container;
    let reason: StartFailure['reason'] = 'CreateContainerConfigError';
    let id: string | undefined;
    try {
      const config = this.#configOf(pod, container);
      reason = 'CreateContainerError';
      id = await runtime.createContainer(what.sandbox.id, { ...config, attempt });
      this.#tell(pod, 'Normal', 'Created', `Created container: ${name}`);
      reason = 'RunContainerError';
      await runtime.startContainer(id);
      this.#failures.delete(name);
      this.#tell(pod, 'Normal', 'Started', `Started container ${name}`);
    } catch (error) {
      if (!(error instanceof RuntimeError || error instanceof KubeletFault)) throw error;
      this.#failures.set(name, { reason, message: error.message, retryAtMs: Date.now() + timing.containerRetryMs });
      this.#tell(pod, 'Warning', 'Failed', `Error: ${error.message}`);
    }
    if (id !== undefined && what.previous) await runtime.removeContainer(what.previous.id);
  }

  #configOf(pod: Pod, container: Container) {
    const { name, image = '', command = [], args = [], env = [], resources } = container;
    const devices = this.#options.claims.devicesOf(pod, container);
    const cdiDeviceIds = [...new Set(devices.flatMap(({ device }) => device.cdiDeviceIds))];
    return {
      name,
      image,
      command: command.length === 0 ? [] : [...command, ...args],
      env: env.map((entry) => `${entry.name}=${entry.value ?? ''}`),
      cdiDeviceIds,
      cpuShares: toCpuShares(resources),
    };
  }

  /** A pod whose containers have all ended gives its claims back; its object stays. */
  async #end(pod: Pod, observed: ObservedPod): Promise<void> {
    await this.#stopContainers(pod, observed, ORPHAN_GRACE_SECONDS);
    if (observed.sandbox) await this.#options.runtime.stopPodSandbox(observed.sandbox.id);
    await this.#options.claims.unprepare(this.#uid);
  }

  async #terminate(): Promise<void> {
    const { store, runtime, claims, timing } = this.#options;
    const pod = this.#pod;
    const { signal } = this.#stopped;
    if (this.#isGone) await delay(timing.housekeepingMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const observed = await this.#observe();
    const grace = this.#isGone ? ORPHAN_GRACE_SECONDS : (pod?.metadata.deletionGracePeriodSeconds ?? 0);
    await this.#stopContainers(pod, observed, grace);
    if (observed.sandbox) await runtime.stopPodSandbox(observed.sandbox.id);
    await claims.unprepare(this.#uid);
    if (observed.sandbox) await runtime.removePodSandbox(observed.sandbox.id);
    this.#isDone = true;
    if (pod && !this.#isGone) {
      const { name, namespace, uid } = pod.metadata;
      const found = store.find('pods', name, { namespace });
      if (found?.metadata.uid === uid) store.delete('pods', name, { namespace, gracePeriodSeconds: 0 });
    }
    this.#onDone();
  }

  /** Containers first and together, then sidecars in reverse order. */
  async #stopContainers(pod: Pod | undefined, observed: ObservedPod, graceSeconds: number): Promise<void> {
    const { runtime } = this.#options;
    const sidecars = (pod?.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
    const running = [...observed.containers.values()].filter(({ state }) => state === 'running');
    const stop = ({ id, name }: ContainerStatus) => {
      if (pod && !this.#isGone) this.#tell(pod, 'Normal', 'Killing', `Stopping container ${name}`);
      return runtime.stopContainer(id, graceSeconds * 1_000);
    };
    await Promise.all(running.filter(({ name }) => !sidecars.includes(name)).map(stop));
    for (const name of sidecars.toReversed()) {
      const sidecar = running.find((container) => container.name === name);
      if (sidecar) await stop(sidecar);
    }
  }

  #writeStatus(pod: Pod, observed: ObservedPod, plan: Pick<PodPlan, 'phase' | 'isInitialized' | 'backingOff'>): void {
    const { store, healthOf } = this.#options;
    const { name, namespace, uid } = pod.metadata;
    const current = store.find('pods', name, { namespace });
    if (current?.metadata.uid !== uid) return;
    const status = describePod(current, {
      observed,
      plan,
      failures: this.#failures,
      lastEnds: this.#lastEnds,
      healthOf: (container) => healthOf(pod, container),
      nowMs: Date.now(),
    });
    const text = JSON.stringify(status);
    if (text === this.#written) return;
    this.#written = text;
    store.patch('pods', name, { type: 'strategic', body: { status } }, { namespace, subresource: 'status' });
  }

  #tell(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void {
    try {
      recordEvent(this.#options.store, pod, { type, reason, message, component: 'kubelet' });
    } catch (error) {
      // The namespace may go before the pod's last words.
      if (!(error instanceof StatusError)) throw error;
    }
  }
}
