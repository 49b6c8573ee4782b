import { CPUSET_ENV_PREFIX } from '../claims/claim-env.ts';
import type { ContainerFacts, CpusetUpdate } from '../driver/container.ts';
import type { Containers } from '../driver/containers.ts';
import {
  type Container,
  type ContainerUpdate,
  containerCpus,
  cpusetAdjustment,
  cpusetUpdate,
  type NriHandlers,
  type PodSandbox,
} from '../nri/index.ts';

function toFacts(container: Container, pod: PodSandbox | undefined): ContainerFacts {
  return {
    id: container.id,
    name: container.name,
    podUid: pod?.uid ?? container.podSandboxId,
    podNamespace: pod?.namespace ?? '',
    podName: pod?.name ?? container.podSandboxId,
    // The rest decides nothing, and a node's containers have much of it.
    env: container.env.filter((entry) => entry.startsWith(CPUSET_ENV_PREFIX)),
    cpus: containerCpus(container),
    pid: container.pid > 0 ? container.pid : undefined,
    cgroupsPath: container.linux?.cgroupsPath ?? '',
  };
}

/** An update that fails for one container leaves the others of the same answer alone. */
function toNriUpdate({ containerId, cpus }: CpusetUpdate): ContainerUpdate {
  return cpusetUpdate(containerId, cpus.toString(), true);
}

/** Told of a container that may not be created, before the runtime is. */
export type RefusalListener = (facts: ContainerFacts, error: unknown) => void;

/** What the runtime is answered: every answer comes from memory, at once. */
export function createNriHandlers(containers: Containers, onRefused: RefusalListener = () => {}): NriHandlers {
  const admit = (facts: ContainerFacts) => {
    try {
      return containers.create(facts);
    } catch (error) {
      onRefused(facts, error);
      throw error;
    }
  };
  return {
    synchronize({ pods, containers: list }) {
      const podById = new Map(pods.map((pod) => [pod.id, pod]));
      const facts = list.map((container) => toFacts(container, podById.get(container.podSandboxId)));
      return containers.synchronize(facts).map(toNriUpdate);
    },
    createContainer({ container, pod }) {
      const { cpus, updates } = admit(toFacts(container, pod));
      return { adjustment: cpusetAdjustment(cpus.toString()), updates: updates.map(toNriUpdate) };
    },
    postStartContainer: ({ container }) => containers.started(container.id, container.pid),
    updateContainer: ({ container }) => containers.update(container.id).map(toNriUpdate),
    stopContainer: ({ container }) => containers.remove(container.id).map(toNriUpdate),
    removeContainer: ({ container }) => void containers.remove(container.id),
  };
}
