import type { Container, Pod } from '../../src/resource-api/core-objects.ts';
import type { ContainerStatus, SandboxStatus } from '../runtime/container.ts';
import type { KubeletTiming } from './timing.ts';

/** What the runtime says of a pod. */
export interface ObservedPod {
  readonly sandbox: SandboxStatus | undefined;
  /** The newest container of each name. */
  readonly containers: ReadonlyMap<string, ContainerStatus>;
}

/** Why a container does not run though it should. */
export interface StartFailure {
  /** As in the status of a waiting container. */
  readonly reason: 'CreateContainerError' | 'RunContainerError' | 'CreateContainerConfigError';
  readonly message: string;
  readonly retryAtMs: number;
}

/** A container to be created and started. */
export interface ContainerStart {
  readonly container: Container;
  readonly attempt: number;
}

/** What to do for a pod, and what it is like. */
export interface PodPlan {
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  /** Whether every init container has done its part. */
  readonly isInitialized: boolean;
  readonly starts: readonly ContainerStart[];
  /** Containers that wait for their restart after having ended. */
  readonly backingOff: ReadonlySet<string>;
  /** When to look again, Unix time; undefined when nothing is waited for. */
  readonly wakeAtMs: number | undefined;
}

/** What a plan depends on beside pod and runtime. */
export interface PlanContext {
  readonly failures: ReadonlyMap<string, StartFailure>;
  readonly timing: KubeletTiming;
  readonly nowMs: number;
}

type Decision =
  | { readonly kind: 'running' }
  | { readonly kind: 'done'; readonly exitCode: number }
  | { readonly kind: 'start'; readonly attempt: number }
  | { readonly kind: 'wait'; readonly untilMs: number; readonly isBackOff: boolean };

/** Whether an init container is a sidecar, which runs as long as the pod does (KEP-753). */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/** Whether a container runs or did. */
function hasRun({ name }: Container, observed: ObservedPod): boolean {
  const state = observed.containers.get(name)?.state;
  return state === 'running' || state === 'exited';
}

/** How long a container that ended waits: not at all the first time or after a long run, then twice as long each time. */
function restartDelayMs(status: ContainerStatus, { restartDelayMs, restartDelayMaxMs }: KubeletTiming): number {
  const ranMs = (status.finishedAtMs ?? 0) - (status.startedAtMs ?? 0);
  if (status.attempt === 0 || ranMs > 2 * restartDelayMaxMs) return 0;
  return Math.min(restartDelayMaxMs, restartDelayMs * 2 ** (status.attempt - 1));
}

function decide(
  { name }: Container,
  policy: string,
  observed: ObservedPod,
  { failures, timing, nowMs }: PlanContext,
): Decision {
  const status = observed.containers.get(name);
  const failure = failures.get(name);
  if (status?.state === 'running') return { kind: 'running' };
  const exitCode = status?.exitCode ?? 0;
  const hasEnded = status?.state === 'exited';
  if (status && hasEnded && (policy === 'Never' || (policy === 'OnFailure' && exitCode === 0))) {
    return { kind: 'done', exitCode };
  }
  const attempt = status ? status.attempt + 1 : 0;
  const backOffMs = status && hasEnded ? (status.finishedAtMs ?? 0) + restartDelayMs(status, timing) : 0;
  const untilMs = Math.max(backOffMs, failure?.retryAtMs ?? 0);
  return untilMs > nowMs ? { kind: 'wait', untilMs, isBackOff: hasEnded } : { kind: 'start', attempt };
}

/** Collects the decisions for one pod. */
class Planner {
  readonly starts: ContainerStart[] = [];
  readonly backingOff = new Set<string>();
  wakeAtMs: number | undefined;
  readonly #observed: ObservedPod;
  readonly #context: PlanContext;

  constructor(observed: ObservedPod, context: PlanContext) {
    this.#observed = observed;
    this.#context = context;
  }

  decide(container: Container, policy: string): Decision {
    const decision = decide(container, policy, this.#observed, this.#context);
    if (decision.kind === 'start') this.starts.push({ container, attempt: decision.attempt });
    if (decision.kind === 'wait') {
      this.wakeAtMs = Math.min(this.wakeAtMs ?? Number.POSITIVE_INFINITY, decision.untilMs);
      if (decision.isBackOff) this.backingOff.add(container.name);
    }
    return decision;
  }

  /** Init containers one after the other: what stops the next is started or waited for. */
  initialize(pod: Pod): 'done' | 'under-way' | 'failed' {
    const { initContainers = [], restartPolicy = 'Always' } = pod.spec;
    const once = restartPolicy === 'Never' ? 'Never' : 'OnFailure';
    for (const container of initContainers) {
      const decision = this.decide(container, isSidecar(container) ? 'Always' : once);
      if (decision.kind === 'done' && decision.exitCode !== 0) return 'failed';
      // A sidecar that has run once does not hold up the others while it is restarted.
      const isPassed = isSidecar(container) ? hasRun(container, this.#observed) : decision.kind === 'done';
      if (!isPassed) return 'under-way';
    }
    return 'done';
  }
}

/**
 * Decides what to do for a pod whose sandbox is ready: init containers in order, sidecars before those after them, then all
 * containers at once, restarts as the pod's policy says.
 */
export function planPod(pod: Pod, observed: ObservedPod, context: PlanContext): PodPlan {
  const planner = new Planner(observed, context);
  const { starts, backingOff } = planner;
  const initialized = planner.initialize(pod);
  const common = { starts, backingOff, isInitialized: initialized === 'done' };
  if (initialized === 'failed') return { ...common, starts: [], phase: 'Failed', wakeAtMs: undefined };
  if (initialized === 'under-way') return { ...common, phase: 'Pending', wakeAtMs: planner.wakeAtMs };
  const decisions = pod.spec.containers.map((container) =>
    planner.decide(container, pod.spec.restartPolicy ?? 'Always'),
  );
  const ended = decisions.flatMap((decision) => (decision.kind === 'done' ? [decision.exitCode] : []));
  if (ended.length === decisions.length) {
    const phase = ended.every((code) => code === 0) ? 'Succeeded' : 'Failed';
    return { ...common, starts: [], phase, wakeAtMs: undefined };
  }
  const haveRun = pod.spec.containers.every((container) => hasRun(container, observed));
  return { ...common, phase: haveRun ? 'Running' : 'Pending', wakeAtMs: planner.wakeAtMs };
}
