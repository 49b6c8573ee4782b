import {
  Container,
  ContainerState,
  LinuxContainer,
  LinuxCPU,
  LinuxResources,
  PodSandbox,
} from '../../../src/gen/nri.ts';
import { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../../src/cpuset/parse.ts';

/** A pod as the kubelet names it. */
export interface Pod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

/** A pod's sandbox; a pod may get a second one. */
export interface Sandbox {
  readonly id: string;
  readonly pod: Pod;
}

/** What the kubelet wants of a container. */
export interface ContainerSpec {
  readonly name: string;
  /** "NAME=value" entries of the pod's spec. */
  readonly env: readonly string[];
  /** CDI devices that the kubelet passes on; a pod cannot set them. */
  readonly cdiDevices: readonly string[];
}

/** A container as the runtime has it. */
export interface RuntimeContainer {
  readonly id: string;
  readonly sandbox: Sandbox;
  readonly spec: ContainerSpec;
  /** The spec's entries, those of CDI devices in place of their namesakes. */
  readonly env: readonly string[];
  readonly cgroupsPath: string;
  readonly pid: number;
  /** The Linux CPU list that the runtime was last told; "" while it was told none, so that it may run on every CPU. */
  told: string;
  state: 'created' | 'running' | 'stopped';
  /** Whether it was created without the driver, which has yet to hear of it. */
  isUnseen: boolean;
}

/** How NRI is spoken: which events there are, whether CDI devices are told, whether updates outside hooks are safe. */
export const NRI_GENERATIONS = {
  '0.12': {
    name: 'containerd',
    version: 'v2.4.0',
    says: 'v0.12.2',
    tellsCdi: true,
    hasEventCalls: true,
    lastEvent: 14,
  },
  '0.11': { name: 'containerd', version: 'v2.2.1', says: '', tellsCdi: true, hasEventCalls: false, lastEvent: 14 },
  '0.8': {
    name: 'containerd',
    version: '2.1.9+unknown',
    says: '',
    tellsCdi: false,
    hasEventCalls: false,
    lastEvent: 11,
  },
} as const;

/** A version of NRI that the runtime may have. */
export type NriGeneration = keyof typeof NRI_GENERATIONS;

const STATES = {
  created: ContainerState.CONTAINER_CREATED,
  running: ContainerState.CONTAINER_RUNNING,
  stopped: ContainerState.CONTAINER_STOPPED,
} as const;

const NO_BYTES = new Uint8Array(0);

/** A message whose other fields have their defaults. */
function message<T>(type: { decode(bytes: Uint8Array): T }, fields: Partial<T>): T {
  return { ...type.decode(NO_BYTES), ...fields };
}

/** CPU resources as messages say them. */
export function resourcesMessage(cpus: string): LinuxResources {
  return message(LinuxResources, { cpu: message(LinuxCPU, { cpus }) });
}

/** A sandbox as plugins are told of it. */
export function sandboxMessage({ id, pod: { uid, namespace, name } }: Sandbox): PodSandbox {
  return message(PodSandbox, { id, uid, namespace, name });
}

/** A container as plugins are told of it. */
export function containerMessage(container: RuntimeContainer, nri: NriGeneration): Container {
  const { id, sandbox, spec, env, state, pid, told, cgroupsPath } = container;
  return message(Container, {
    id,
    podSandboxId: sandbox.id,
    name: spec.name,
    state: STATES[state],
    env: [...env],
    pid: state === 'running' ? pid : 0,
    linux: message(LinuxContainer, { cgroupsPath, resources: resourcesMessage(told) }),
    cdiDevices: NRI_GENERATIONS[nri].tellsCdi ? spec.cdiDevices.map((name) => ({ name })) : [],
  });
}

/** The CPUs that the runtime was last told for a container. */
export function toldCpus({ told }: RuntimeContainer): CpuSet {
  return told === '' ? CpuSet.empty : parseCpuList(told);
}
