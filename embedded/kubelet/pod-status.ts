import type { Condition } from '../../src/resource-api/objects.ts';
import type {
  Container,
  ContainerState,
  ContainerStatus as ApiContainerStatus,
  Pod,
  PodStatus,
  ResourceStatus,
} from '../../src/resource-api/core-objects.ts';
import type { ContainerStatus } from '../runtime/container.ts';
import { isSidecar, type ObservedPod, type PodPlan, type StartFailure } from './pod-plan.ts';

/** What a pod's status is made of. */
export interface StatusFacts {
  readonly observed: ObservedPod;
  readonly plan: Pick<PodPlan, 'phase' | 'isInitialized' | 'backingOff'>;
  readonly failures: ReadonlyMap<string, StartFailure>;
  /** How the container of each name ended last, as far as the kubelet remembers. */
  readonly lastEnds: ReadonlyMap<string, ContainerState>;
  /** The health of what a container was allocated. */
  readonly healthOf: (container: Container) => ResourceStatus[];
  readonly nowMs: number;
}

/** Where pods of the embedded node are: they use the host's network. */
const POD_IP = '127.0.0.1';

/** RFC 3339 with whole seconds, as the API has times. */
export function toTimestamp(unixMs: number): string {
  return `${new Date(unixMs).toISOString().slice(0, 19)}Z`;
}

/** How a container ended, as the API says it; undefined when it has not. */
export function describeEnd(status: ContainerStatus): ContainerState | undefined {
  const { state, exitCode = 0, startedAtMs = 0, finishedAtMs = 0 } = status;
  if (state !== 'exited') return undefined;
  const reason = exitCode === 0 ? 'Completed' : 'Error';
  const times = { startedAt: toTimestamp(startedAtMs), finishedAt: toTimestamp(finishedAtMs) };
  return { terminated: { exitCode, reason, ...times } };
}

function stateOf(container: Container, { observed, plan, failures }: StatusFacts): ContainerState {
  const status = observed.containers.get(container.name);
  const failure = failures.get(container.name);
  if (status?.state === 'running') return { running: { startedAt: toTimestamp(status.startedAtMs ?? 0) } };
  if (failure) return { waiting: { reason: failure.reason, message: failure.message } };
  if (status && plan.backingOff.has(container.name)) {
    const message = `back-off restarting failed container ${container.name}`;
    return { waiting: { reason: 'CrashLoopBackOff', message } };
  }
  if (status?.state === 'exited') return describeEnd(status) ?? {};
  return { waiting: { reason: plan.isInitialized ? 'ContainerCreating' : 'PodInitializing' } };
}

function describeContainer(container: Container, facts: StatusFacts, isInit: boolean): ApiContainerStatus {
  const status = facts.observed.containers.get(container.name);
  const state = stateOf(container, facts);
  const isRunning = state.running !== undefined;
  const lastState = facts.lastEnds.get(container.name);
  const health = facts.healthOf(container);
  return {
    name: container.name,
    image: container.image ?? '',
    imageID: '',
    ready: isInit && !isSidecar(container) ? state.terminated?.exitCode === 0 : isRunning,
    started: isRunning,
    restartCount: status?.attempt ?? 0,
    ...(status ? { containerID: `embedded://${status.id}` } : {}),
    state,
    ...(lastState && state.terminated === undefined ? { lastState } : {}),
    ...(health.length === 0 ? {} : { allocatedResourcesStatus: health }),
  };
}

function conditionOf(pod: Pod, type: string, isTrue: boolean, nowMs: number): Condition {
  const status = isTrue ? 'True' : 'False';
  const known = pod.status?.conditions?.find((condition) => condition.type === type);
  const lastTransitionTime = known?.status === status ? known.lastTransitionTime : undefined;
  return { type, status, lastTransitionTime: lastTransitionTime ?? toTimestamp(nowMs) };
}

/** The part of a pod's status that the kubelet writes. */
export function describePod(pod: Pod, facts: StatusFacts): PodStatus {
  const { observed, plan, nowMs } = facts;
  const containerStatuses = pod.spec.containers.map((container) => describeContainer(container, facts, false));
  const initContainerStatuses = (pod.spec.initContainers ?? []).map((each) => describeContainer(each, facts, true));
  const isReady = plan.phase === 'Running' && containerStatuses.every(({ ready }) => ready);
  const conditions = [
    conditionOf(pod, 'PodReadyToStartContainers', observed.sandbox?.state === 'ready', nowMs),
    conditionOf(pod, 'Initialized', plan.isInitialized, nowMs),
    conditionOf(pod, 'ContainersReady', isReady, nowMs),
    conditionOf(pod, 'Ready', isReady, nowMs),
  ];
  return {
    phase: plan.phase,
    conditions,
    startTime: pod.status?.startTime ?? toTimestamp(nowMs),
    hostIP: POD_IP,
    ...(observed.sandbox ? { podIP: POD_IP } : {}),
    containerStatuses,
    ...(initContainerStatuses.length === 0 ? {} : { initContainerStatuses }),
  };
}
