import type {
  Container,
  ContainerAdjustment,
  ContainerUpdate,
  LinuxResources,
  PodSandbox,
  ValidateContainerAdjustmentRequest,
} from '../gen/nri.ts';
import type { RuntimeInfo } from './runtime-info.ts';

/** A value now or later. A handler that answers from memory answers at once, and sees events strictly in order. */
type Awaitable<T> = T | Promise<T>;

/** What every handler is told beside its event. */
export interface HookContext {
  /** Aborted when the connection is lost, the runtime no longer waits or the hook's own time is up. */
  readonly signal: AbortSignal;
}

/** Something happened to a pod. */
export interface PodEvent {
  readonly pod: PodSandbox;
}

/** Something happened to a container. */
export interface ContainerEvent extends PodEvent {
  readonly container: Container;
}

/** A pod's resources are about to change. */
export interface PodUpdate extends PodEvent {
  readonly overhead: LinuxResources | undefined;
  /** The sum over the pod's containers. */
  readonly resources: LinuxResources | undefined;
}

/** A container's resources are about to change. */
export interface ContainerChange extends ContainerEvent {
  readonly resources: LinuxResources | undefined;
}

/** All pods and containers there are when a connection begins. Containers that have exited are not among them. */
export interface RuntimeState {
  readonly pods: readonly PodSandbox[];
  readonly containers: readonly Container[];
}

/** The answer to a container's creation. */
export interface Creation {
  /** Changes to the container being created. */
  readonly adjustment?: ContainerAdjustment | undefined;
  /** Changes to others. Naming one twice, or the one being created, makes its creation fail (containerd 2.1.9). */
  readonly updates?: readonly ContainerUpdate[];
}

/** Changes to containers, each named at most once. */
export type Updates = readonly ContainerUpdate[];

/**
 * What a plugin does. It is subscribed to the events it has a handler for and the runtime knows.
 *
 * A handler that throws fails the runtime's request with its message: a container that may not be created is refused by
 * throwing in `createContainer`. Never await `NriPlugin.updateContainers` in one: the runtime holds its lock meanwhile.
 */
export interface NriHandlers {
  /** A connection begins; the runtime waits. */
  configure?(runtime: RuntimeInfo, context: HookContext): Awaitable<void>;
  /** The whole state, once per connection, before any other event of it. */
  synchronize?(state: RuntimeState, context: HookContext): Awaitable<Updates>;
  createContainer?(event: ContainerEvent, context: HookContext): Awaitable<Creation>;
  /** The answer may name the changed container itself and then wins over the change. */
  updateContainer?(change: ContainerChange, context: HookContext): Awaitable<Updates>;
  /** Comes once per container, also for one that ended by itself. */
  stopContainer?(event: ContainerEvent, context: HookContext): Awaitable<Updates>;
  removeContainer?(event: ContainerEvent, context: HookContext): Awaitable<void>;
  postCreateContainer?(event: ContainerEvent, context: HookContext): Awaitable<void>;
  startContainer?(event: ContainerEvent, context: HookContext): Awaitable<void>;
  postStartContainer?(event: ContainerEvent, context: HookContext): Awaitable<void>;
  postUpdateContainer?(event: ContainerEvent, context: HookContext): Awaitable<void>;
  runPodSandbox?(event: PodEvent, context: HookContext): Awaitable<void>;
  stopPodSandbox?(event: PodEvent, context: HookContext): Awaitable<void>;
  removePodSandbox?(event: PodEvent, context: HookContext): Awaitable<void>;
  /** NRI 0.10 and later. */
  updatePodSandbox?(update: PodUpdate, context: HookContext): Awaitable<void>;
  /** NRI 0.10 and later. */
  postUpdatePodSandbox?(event: PodEvent, context: HookContext): Awaitable<void>;
  /** NRI 0.10 and later. Judges what all plugins together want; throwing refuses it with the message as reason. */
  validateContainerAdjustment?(request: ValidateContainerAdjustmentRequest, context: HookContext): Awaitable<void>;
  /** The runtime says that it goes down; containerd 2.1.9 never does. */
  shutdown?(context: HookContext): Awaitable<void>;
}
