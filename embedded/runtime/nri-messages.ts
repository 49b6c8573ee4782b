import {
  Container,
  ContainerState,
  type LinuxContainer as LinuxContainerMessage,
  LinuxContainer,
  LinuxCPU,
  LinuxPodSandbox,
  LinuxResources,
  PodSandbox,
  type SynchronizeRequest,
} from '../../src/gen/nri.ts';
import { newMessage } from '../../src/nri/messages.ts';
import type { ContainerRecord, Sandbox } from './container.ts';

const STATES = {
  created: ContainerState.CONTAINER_CREATED,
  running: ContainerState.CONTAINER_RUNNING,
  exited: ContainerState.CONTAINER_STOPPED,
} as const;

/** A pod as plugins are told of it. */
export function toPodMessage({ id, pod }: Sandbox): PodSandbox {
  const { name, uid, namespace, labels = {}, annotations = {} } = pod;
  return newMessage(PodSandbox, {
    id,
    name,
    uid,
    namespace,
    labels: { ...labels },
    annotations: { ...annotations },
    linux: newMessage(LinuxPodSandbox, { cgroupParent: `/kubepods/pod${uid}` }),
  });
}

/** CPU resources as messages say them; `cpus` and `mems` are Linux lists, "" for none. */
export function toResources({
  cpus,
  mems,
  cpuShares,
}: Pick<ContainerRecord, 'cpus' | 'mems' | 'cpuShares'>): LinuxResources {
  const shares = cpuShares === undefined ? undefined : { value: BigInt(cpuShares) };
  return newMessage(LinuxResources, { cpu: newMessage(LinuxCPU, { cpus, mems, shares }) });
}

function toLinux(container: ContainerRecord): LinuxContainerMessage {
  return newMessage(LinuxContainer, {
    resources: toResources(container),
    cgroupsPath: `/kubepods/pod${container.sandbox.pod.uid}/${container.id}`,
  });
}

/** A container as plugins are told of it. */
export function toContainerMessage(container: ContainerRecord): Container {
  const { sandbox, config } = container;
  return newMessage(Container, {
    id: container.id,
    podSandboxId: sandbox.id,
    name: config.name,
    state: STATES[container.state],
    labels: {
      'io.kubernetes.container.name': config.name,
      'io.kubernetes.pod.name': sandbox.pod.name,
      'io.kubernetes.pod.namespace': sandbox.pod.namespace,
      'io.kubernetes.pod.uid': sandbox.pod.uid,
    },
    args: [...(config.command ?? [])],
    env: [...container.env],
    linux: toLinux(container),
    pid: container.launched?.pid ?? 0,
    createdAt: BigInt(container.createdAtMs) * 1_000_000n,
    cdiDevices: config.cdiDeviceIds.map((name) => ({ name })),
  });
}

/** All pods and containers. */
export interface State {
  readonly pods: readonly PodSandbox[];
  readonly containers: readonly Container[];
}

/** Bytes of an entry's key and length in the request around it, generously. */
const ENTRY_BYTES = 8;

/** Cuts a state into requests of at most `bytesMax` bytes each, though no fewer than one object; all but the last say `more`. */
export function splitState({ pods, containers }: State, bytesMax: number): SynchronizeRequest[] {
  const requests: SynchronizeRequest[] = [];
  let request: SynchronizeRequest = { pods: [], containers: [], more: false };
  let bytes = 0;
  const makeRoom = (objectBytes: number) => {
    if (bytes > 0 && bytes + objectBytes > bytesMax) {
      requests.push({ ...request, more: true });
      request = { pods: [], containers: [], more: false };
      bytes = 0;
    }
    bytes += objectBytes;
  };
  for (const pod of pods) {
    makeRoom(PodSandbox.encode(pod).finish().length + ENTRY_BYTES);
    request.pods.push(pod);
  }
  for (const container of containers) {
    makeRoom(Container.encode(container).finish().length + ENTRY_BYTES);
    request.containers.push(container);
  }
  return [...requests, request];
}
