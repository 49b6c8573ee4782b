import { checkCpusEnv, CPUS_ENV, readNamedClaims } from '../claims/claim-env.ts';
import type { CpuSet } from '../cpuset/cpu-set.ts';
import { parseClaimCdiDeviceId } from '../records/cdi-spec.ts';
import type { ClaimedContainer, ContainerFacts, ContainerPlace, CpusetUpdate } from './container.ts';
import type { Containers } from './containers.ts';
import {
  type Container,
  type ContainerAdjustment,
  type ContainerUpdate,
  containerCpus,
  containerMems,
  type Cpuset,
  cpusetAdjustment,
  cpusetUpdate,
  type LinuxResources,
  type NriHandlers,
  type PodSandbox,
  withVariable,
} from '../nri/index.ts';

/**
 * Whether the runtime reports the CDI devices of containers (NRI 0.11 and later do). It is believed once it has: a runtime that
 * reports none has not passed any, or cannot tell.
 */
class CdiReport {
  #isGiven = false;

  /** A connection with a runtime begins. */
  reset(): void {
    this.#isGiven = false;
  }

  /** The claims among these containers' devices are there to be learned from. */
  learn(containers: readonly Container[]): void {
    this.#isGiven ||= containers.some(({ cdiDevices }) => cdiDevices.some(({ name }) => parseClaimCdiDeviceId(name)));
  }

  /** UIDs of the claims of which a container has the CDI device; undefined where the runtime does not report devices. */
  claimsOf({ cdiDevices }: Container): readonly string[] | undefined {
    if (!this.#isGiven) return undefined;
    return cdiDevices.flatMap(({ name }) => parseClaimCdiDeviceId(name) ?? []);
  }
}

function toFacts(container: Container, pod: PodSandbox | undefined, cdi: CdiReport): ContainerFacts {
  return {
    id: container.id,
    name: container.name,
    podUid: pod?.uid ?? container.podSandboxId,
    podNamespace: pod?.namespace ?? '',
    podName: pod?.name ?? container.podSandboxId,
    claims: readNamedClaims(container.env, cdi.claimsOf(container)),
    cpus: containerCpus(container),
    mems: containerMems(container),
    pid: container.pid > 0 ? container.pid : undefined,
    cgroupsPath: container.linux?.cgroupsPath ?? '',
    requestedMillis: requestedMillis(container.linux?.resources),
  };
}

/** A place as the runtime is told of it; memory that is not bound is not mentioned. */
export function toCpuset({ cpus, memoryNodes }: ContainerPlace): Cpuset {
  return { cpus: cpus.toString(), ...(memoryNodes && { mems: memoryNodes.toString() }) };
}

/** An update that fails for one container leaves the others of the same answer alone. */
function toNriUpdate(update: CpusetUpdate): ContainerUpdate {
  return cpusetUpdate(update.containerId, toCpuset(update), true);
}

/** The kernel's shares that a request of one CPU amounts to, and the least there are: no request (kubelet 1.37, cm/helpers). */
const SHARES_PER_CPU = 1_024;
const SHARES_MIN = 2;

function requestedMillis(resources: LinuxResources | undefined): number | undefined {
  const shares = Number(resources?.cpu?.shares?.value ?? 0);
  return shares <= SHARES_MIN ? undefined : Math.round((shares * 1_000) / SHARES_PER_CPU);
}

/**
 * Tells the application the CPUs that are its own, under a name that it knows. A container without a claim is told nothing, and what
 * its pod has set there is emptied, so that it can be trusted.
 */
function tellOwnCpus(
  adjustment: ContainerAdjustment,
  { env }: Container,
  exclusive: CpuSet | undefined,
): ContainerAdjustment {
  if (exclusive) return withVariable(adjustment, CPUS_ENV, exclusive.toString());
  const isSet = env.some((entry) => entry.startsWith(`${CPUS_ENV}=`));
  return isSet ? withVariable(adjustment, CPUS_ENV, '') : adjustment;
}

/** Who hears of containers, before the runtime is answered. */
export interface CreationListeners {
  /** A container may not be created. */
  readonly onRefused?: (facts: ContainerFacts, error: unknown) => void;
  /** A container got the CPUs of its claims. */
  readonly onClaimed?: (container: ClaimedContainer) => void;
  /** A container was found that started without an answer of this driver: it is to be updated now. */
  readonly onUnanswered?: () => void;
}

/** What the runtime is answered: every answer comes from memory, at once. */
export function createNriHandlers(
  containers: Containers,
  { onRefused = () => {}, onClaimed = () => {}, onUnanswered = () => {} }: CreationListeners = {},
): NriHandlers {
  const cdi = new CdiReport();
  const admit = (facts: ContainerFacts, { env }: Container) => {
    try {
      checkCpusEnv(env);
      return containers.create(facts);
    } catch (error) {
      onRefused(facts, error);
      throw error;
    }
  };
  return {
    synchronize({ pods, containers: list }) {
      cdi.reset();
      cdi.learn(list);
      const podById = new Map(pods.map((pod) => [pod.id, pod]));
      const facts = list.map((container) => toFacts(container, podById.get(container.podSandboxId), cdi));
      return containers.synchronize(facts, new Set(pods.map(({ uid }) => uid))).map(toNriUpdate);
    },
    createContainer({ container, pod }) {
      cdi.learn([container]);
      const facts = toFacts(container, pod, cdi);
      const admission = admit(facts, container);
      const { exclusive, sharesPool } = admission;
      if (exclusive) {
        onClaimed({ facts, claimedCpus: exclusive.size, sharesPool });
      }
      const adjustment = tellOwnCpus(cpusetAdjustment(toCpuset(admission)), container, exclusive);
      return { adjustment, updates: admission.updates.map(toNriUpdate) };
    },
    postStartContainer({ container, pod }) {
      if (!containers.started(toFacts(container, pod, cdi))) onUnanswered();
    },
    updateContainer: ({ container, pod, resources }) =>
      containers.update(toFacts(container, pod, cdi), requestedMillis(resources)).map(toNriUpdate),
    stopContainer: ({ container }) => containers.remove(container.id).map(toNriUpdate),
    removeContainer: ({ container }) => containers.forget(container.id),
    stopPodSandbox: ({ pod }) => containers.podEnded(pod.uid),
    removePodSandbox: ({ pod }) => containers.podEnded(pod.uid),
  };
}
