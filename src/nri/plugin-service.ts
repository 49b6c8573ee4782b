import {
  type ConfigureRequest,
  type ConfigureResponse,
  type Container,
  type CreateContainerRequest,
  type CreateContainerResponse,
  type Empty,
  Event,
  PluginDefinition,
  type PodSandbox,
  type StateChangeEvent,
  type StopContainerRequest,
  type StopContainerResponse,
  type SynchronizeRequest,
  type SynchronizeResponse,
  type UpdateContainerRequest,
  type UpdateContainerResponse,
  type UpdatePodSandboxRequest,
  type ValidateContainerAdjustmentRequest,
  type ValidateContainerAdjustmentResponse,
} from '../gen/nri.ts';
import { errorText } from '../lib/log.ts';
import { type CallContext, implementService, type ServiceRoutes } from '../ttrpc/server.ts';
import { TtrpcError } from '../ttrpc/status.ts';
import type { ContainerEvent, Creation, HookContext, NriHandlers, PodEvent, RuntimeState } from './handlers.ts';
import type { Hook, HookRunner } from './hook-runner.ts';
import { NriError } from './nri-error.ts';
import { findNriVersion, type RuntimeInfo } from './runtime-info.ts';
import { chooseEventMask } from './subscription.ts';

/** Pods and containers that one node can have, with much to spare: more in a Synchronize is a broken runtime. */
const STATE_OBJECTS_MAX = 100_000;

/** The runtime's patience when it does not say (NRI's default). */
const DEFAULT_REQUEST_TIMEOUT_MS = 2000;

/** What the plugin's service needs. */
export interface PluginServiceOptions {
  readonly handlers: NriHandlers;
  readonly hooks: HookRunner;
  /** Most milliseconds for a handler of an event. */
  readonly hookTimeoutMs: number;
  readonly onConfigured: (runtime: RuntimeInfo) => void;
  readonly onSynchronized: () => void;
}

/** Collects the pieces of a state that does not fit into one message. */
class StateCollector {
  #pods: PodSandbox[] = [];
  #containers: Container[] = [];

  add({ pods, containers }: SynchronizeRequest): void {
    this.#pods.push(...pods);
    this.#containers.push(...containers);
    const objects = this.#pods.length + this.#containers.length;
    if (objects > STATE_OBJECTS_MAX) {
      this.take();
      throw new NriError(
        'SynchronizeTooLarge',
        `Cannot take the runtime's state: it has more than ${STATE_OBJECTS_MAX} pods and containers`,
      );
    }
  }

  take(): RuntimeState {
    const state = { pods: this.#pods, containers: this.#containers };
    this.#pods = [];
    this.#containers = [];
    return state;
  }
}

/** Messages as they come: any field may be missing. */
type PodMessage = { readonly pod: PodSandbox | undefined };
type ContainerMessage = PodMessage & { readonly container: Container | undefined };

type Awaitable<T> = T | Promise<T>;

async function mapLater<T, U>(result: Promise<T>, map: (value: T) => U): Promise<U> {
  return map(await result);
}

/** Applies `map` now to what is there now. */
function mapResult<T, U>(result: Awaitable<T>, map: (value: T) => U): Awaitable<U> {
  return result instanceof Promise ? mapLater(result, map) : map(result);
}

function readRuntimeInfo(message: ConfigureRequest): RuntimeInfo {
  const { runtimeName: name, runtimeVersion: version, nriVersion: said, config } = message;
  const requestTimeoutMs = Number(message.requestTimeout) || DEFAULT_REQUEST_TIMEOUT_MS;
  return { name, version, nriVersion: findNriVersion({ name, version, said }), requestTimeoutMs, config };
}

function requirePod({ pod }: PodMessage): PodEvent {
  if (pod === undefined) throw new TtrpcError('InvalidArgument', 'Cannot handle the event: it names no pod');
  return { pod };
}

function requireContainer(event: ContainerMessage): ContainerEvent {
  const { container } = event;
  if (container === undefined) {
    throw new TtrpcError('InvalidArgument', 'Cannot handle the event: it names no container');
  }
  return { ...requirePod(event), container };
}

/** Handlers of events that have no answer. */
type PodEventHandler = 'runPodSandbox' | 'postUpdatePodSandbox' | 'stopPodSandbox' | 'removePodSandbox';
type ContainerEventHandler =
  | 'postCreateContainer'
  | 'startContainer'
  | 'postStartContainer'
  | 'postUpdateContainer'
  | 'removeContainer';

/** Turns the runtime's calls into calls of handlers, one connection long. */
class PluginService {
  readonly #options: PluginServiceOptions;
  readonly #state = new StateCollector();

  constructor(options: PluginServiceOptions) {
    this.#options = options;
  }

  configure(message: ConfigureRequest, call: CallContext): Awaitable<ConfigureResponse> {
    const { handlers, onConfigured } = this.#options;
    const runtime = readRuntimeInfo(message);
    const run = (context: HookContext) => handlers.configure?.(runtime, context);
    return mapResult(this.#request('Configure', call, run), () => {
      onConfigured(runtime);
      return { events: chooseEventMask(handlers, runtime) };
    });
  }

  synchronize(message: SynchronizeRequest, call: CallContext): Awaitable<SynchronizeResponse> {
    const { handlers, onSynchronized } = this.#options;
    this.#state.add(message);
    if (message.more) return { update: [], more: true };
    const state = this.#state.take();
    const run = (context: HookContext) => handlers.synchronize?.(state, context) ?? [];
    return mapResult(this.#request('Synchronize', call, run), (updates) => {
      onSynchronized();
      return { update: [...updates], more: false };
    });
  }

  createContainer(message: CreateContainerRequest, call: CallContext): Awaitable<CreateContainerResponse> {
    const { handlers } = this.#options;
    const run = (context: HookContext) => handlers.createContainer?.(requireContainer(message), context) ?? {};
    return mapResult(this.#request('CreateContainer', call, run), ({ adjustment, updates = [] }: Creation) => ({
      adjust: adjustment,
      update: [...updates],
      evict: [],
    }));
  }

  updateContainer(message: UpdateContainerRequest, call: CallContext): Awaitable<UpdateContainerResponse> {
    const { handlers } = this.#options;
    const run = (context: HookContext) => {
      const change = { ...requireContainer(message), resources: message.linuxResources };
      return handlers.updateContainer?.(change, context) ?? [];
    };
    return mapResult(this.#request('UpdateContainer', call, run), (updates) => ({ update: [...updates], evict: [] }));
  }

  stopContainer(message: StopContainerRequest, call: CallContext): Awaitable<StopContainerResponse> {
    const { handlers } = this.#options;
    const run = (context: HookContext) => handlers.stopContainer?.(requireContainer(message), context) ?? [];
    return mapResult(this.#event('StopContainer', { call, answer: [], run }), (updates) => ({ update: [...updates] }));
  }

  updatePodSandbox(message: UpdatePodSandboxRequest, call: CallContext): Awaitable<Empty> {
    const { handlers } = this.#options;
    const run = (context: HookContext) => {
      const { overheadLinuxResources: overhead, linuxResources: resources } = message;
      return handlers.updatePodSandbox?.({ ...requirePod(message), overhead, resources }, context);
    };
    return mapResult(this.#request('UpdatePodSandbox', call, run), () => ({}));
  }

  async validate(
    message: ValidateContainerAdjustmentRequest,
    call: CallContext,
  ): Promise<ValidateContainerAdjustmentResponse> {
    const { handlers } = this.#options;
    const run = (context: HookContext) => handlers.validateContainerAdjustment?.(message, context);
    try {
      await this.#request('ValidateContainerAdjustment', call, run);
      return { reject: false, reason: '' };
    } catch (error) {
      return { reject: true, reason: errorText(error) };
    }
  }

  shutdown(call: CallContext): Awaitable<Empty> {
    const { handlers } = this.#options;
    const run = (context: HookContext) => handlers.shutdown?.(context);
    return mapResult(this.#event('Shutdown', { call, answer: undefined, run }), () => ({}));
  }

  /** An event of a pod, whichever of its two forms it came in. */
  podEvent(handler: PodEventHandler, message: PodMessage, call: CallContext): Awaitable<Empty> {
    const { handlers } = this.#options;
    const run = (context: HookContext) => handlers[handler]?.(requirePod(message), context);
    return mapResult(this.#event(nameOf(handler), { call, answer: undefined, run }), () => ({}));
  }

  /** An event of a container, whichever of its two forms it came in. */
  containerEvent(handler: ContainerEventHandler, message: ContainerMessage, call: CallContext): Awaitable<Empty> {
    const { handlers } = this.#options;
    const run = (context: HookContext) => handlers[handler]?.(requireContainer(message), context);
    return mapResult(this.#event(nameOf(handler), { call, answer: undefined, run }), () => ({}));
  }

  /** The form of events that runtimes with NRI up to 0.11 use; an event that is not known is none of ours. */
  stateChange(message: StateChangeEvent, call: CallContext): Awaitable<Empty> {
    const pod = POD_EVENTS.get(message.event);
    if (pod) return this.podEvent(pod, message, call);
    const container = CONTAINER_EVENTS.get(message.event);
    return container ? this.containerEvent(container, message, call) : {};
  }

  /** A hook whose failure, being late included, is the request's failure. */
  #request<T>(name: string, call: CallContext, run: Hook<T>['run']): Awaitable<T> {
    // The runtime waits for a whole state as long as for any other answer, but there is no reason to give up before it does.
    const timeoutMs = name === 'Synchronize' ? Number.POSITIVE_INFINITY : this.#options.hookTimeoutMs;
    return this.#options.hooks.run({ name, call, run, timeoutMs, whenOverdue: 'fail' });
  }

  /** A hook that is answered without its handler when that is late: what happened has happened. */
  #event<T>(name: string, event: { call: CallContext; answer: T; run: Hook<T>['run'] }): Awaitable<T> {
    const { call, answer, run } = event;
    const { hooks, hookTimeoutMs } = this.#options;
    return hooks.run({ name, call, run, timeoutMs: hookTimeoutMs, whenOverdue: { answer } });
  }
}

/** The name on the wire of a handler's event. */
function nameOf(handler: string): string {
  return handler.slice(0, 1).toUpperCase() + handler.slice(1);
}

const POD_EVENTS: ReadonlyMap<Event, PodEventHandler> = new Map([
  [Event.RUN_POD_SANDBOX, 'runPodSandbox'],
  [Event.POST_UPDATE_POD_SANDBOX, 'postUpdatePodSandbox'],
  [Event.STOP_POD_SANDBOX, 'stopPodSandbox'],
  [Event.REMOVE_POD_SANDBOX, 'removePodSandbox'],
]);

const CONTAINER_EVENTS: ReadonlyMap<Event, ContainerEventHandler> = new Map([
  [Event.POST_CREATE_CONTAINER, 'postCreateContainer'],
  [Event.START_CONTAINER, 'startContainer'],
  [Event.POST_START_CONTAINER, 'postStartContainer'],
  [Event.POST_UPDATE_CONTAINER, 'postUpdateContainer'],
  [Event.REMOVE_CONTAINER, 'removeContainer'],
]);

/** The plugin's side of NRI for one connection: every event as a call of its own (NRI 0.12) and as StateChange (before). */
export function createPluginService(options: PluginServiceOptions): ServiceRoutes {
  const service = new PluginService(options);
  return implementService(PluginDefinition, {
    configure: (message, call) => service.configure(message, call),
    synchronize: (message, call) => service.synchronize(message, call),
    createContainer: (message, call) => service.createContainer(message, call),
    updateContainer: (message, call) => service.updateContainer(message, call),
    stopContainer: (message, call) => service.stopContainer(message, call),
    updatePodSandbox: (message, call) => service.updatePodSandbox(message, call),
    validateContainerAdjustment: (message, call) => service.validate(message, call),
    shutdown: (_message, call) => service.shutdown(call),
    runPodSandbox: (message, call) => service.podEvent('runPodSandbox', message, call),
    postUpdatePodSandbox: (message, call) => service.podEvent('postUpdatePodSandbox', message, call),
    stopPodSandbox: (message, call) => service.podEvent('stopPodSandbox', message, call),
    removePodSandbox: (message, call) => service.podEvent('removePodSandbox', message, call),
    postCreateContainer: (message, call) => service.containerEvent('postCreateContainer', message, call),
    startContainer: (message, call) => service.containerEvent('startContainer', message, call),
    postStartContainer: (message, call) => service.containerEvent('postStartContainer', message, call),
    postUpdateContainer: (message, call) => service.containerEvent('postUpdateContainer', message, call),
    removeContainer: (message, call) => service.containerEvent('removeContainer', message, call),
    stateChange: (message, call) => service.stateChange(message, call),
  });
}
