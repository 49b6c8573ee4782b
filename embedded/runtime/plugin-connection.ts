import type { Duplex } from 'node:stream';
import {
  type Container,
  type ContainerUpdate,
  type CreateContainerResponse,
  type Empty,
  Event,
  type LinuxResources,
  PluginDefinition,
  type PodSandbox,
  RuntimeDefinition,
  type StopContainerResponse,
  type SynchronizeRequest,
  type UpdateContainerResponse,
} from '../../src/gen/nri.ts';
import { MUX_CONNECTIONS, Mux } from '../../src/nri/mux.ts';
import { createServiceClient, type ServiceClient, TtrpcClient } from '../../src/ttrpc/client.ts';
import { implementService, TtrpcServer } from '../../src/ttrpc/server.ts';
import { TtrpcError } from '../../src/ttrpc/status.ts';
import type { NriIdentity, NriTimeouts } from './nri-identity.ts';
import { RuntimeError } from './runtime-error.ts';
import { splitState, type State } from './nri-messages.ts';

/** Events that have no answer: their calls since NRI 0.12. */
const EVENT_CALLS = {
  [Event.RUN_POD_SANDBOX]: 'runPodSandbox',
  [Event.STOP_POD_SANDBOX]: 'stopPodSandbox',
  [Event.REMOVE_POD_SANDBOX]: 'removePodSandbox',
  [Event.POST_CREATE_CONTAINER]: 'postCreateContainer',
  [Event.START_CONTAINER]: 'startContainer',
  [Event.POST_START_CONTAINER]: 'postStartContainer',
  [Event.POST_UPDATE_CONTAINER]: 'postUpdateContainer',
  [Event.REMOVE_CONTAINER]: 'removeContainer',
} as const;

/** An event that has no answer. */
export type PlainEvent = keyof typeof EVENT_CALLS;

/** What a connection with a plugin needs. */
export interface PluginConnectionOptions {
  readonly identity: NriIdentity;
  readonly timeouts: NriTimeouts;
  /** The plugin changes containers outside an event. */
  readonly onUpdate: (updates: readonly ContainerUpdate[]) => Promise<ContainerUpdate[]>;
  readonly onClosed: () => void;
}

/** Errors after which the real runtime hangs up and goes on without the plugin. */
function isFatal(error: unknown): boolean {
  return error instanceof TtrpcError && (error.code === 'DeadlineExceeded' || error.code === 'ConnectionClosed');
}

/** The runtime's end of one plugin's connection. */
export class PluginConnection {
  readonly #options: PluginConnectionOptions;
  readonly #mux: Mux;
  readonly #plugin: ServiceClient<typeof PluginDefinition>;
  readonly #registered = Promise.withResolvers<void>();
  #name = '';
  #index = '';
  #events = 0;
  #closed = false;

  constructor(socket: Duplex, options: PluginConnectionOptions) {
    this.#options = options;
    this.#mux = new Mux(socket, () => this.#end());
    const close = () => this.close();
    const client = new TtrpcClient(this.#mux.open(MUX_CONNECTIONS.pluginService), close);
    this.#plugin = createServiceClient(client, PluginDefinition);
    const server = new TtrpcServer(this.#mux.open(MUX_CONNECTIONS.runtimeService), this.#runtimeService(), close);
    this.#registered.promise.catch(() => server.close());
  }

  /** Index and name, as in "90-dra". */
  get fullName(): string {
    return `${this.#index}-${this.#name}`;
  }

  /** Two digits. */
  get index(): string {
    return this.#index;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Waits for the registration, then configures the plugin. Throws when the plugin is not let in. */
  async admit(): Promise<void> {
    const { registrationTimeoutMs, requestTimeoutMs } = this.#options.timeouts;
    const timer = setTimeout(
      () => this.#registered.reject(new RuntimeError('RefusedByPlugin', 'plugin registration timed out')),
      registrationTimeoutMs,
    );
    await this.#registered.promise.finally(() => clearTimeout(timer));
    const { name, version, nriVersion, knownEvents, saysVersion } = this.#options.identity;
    const { events } = await this.#plugin.configure(
      {
        config: '',
        runtimeName: name,
        runtimeVersion: version,
        registrationTimeout: BigInt(registrationTimeoutMs),
        requestTimeout: BigInt(requestTimeoutMs),
        nriVersion: saysVersion ? nriVersion : '',
      },
      { timeoutMs: requestTimeoutMs },
    );
    if ((events & ~knownEvents) !== 0) {
      throw new RuntimeError('RefusedByPlugin', `invalid plugin events: 0x${(events & ~knownEvents).toString(16)}`);
    }
    this.#events = events === 0 ? knownEvents : events;
  }

  /** Sends the state, in several messages when it is large, within one request's time; the updates that the plugin wants. */
  async synchronize(state: State, messageBytesMax: number): Promise<ContainerUpdate[]> {
    const deadlineMs = performance.now() + this.#options.timeouts.requestTimeoutMs;
    for (const request of splitState(state, messageBytesMax)) {
      const { update, more } = await this.#sendState(request, deadlineMs);
      if (!request.more) return update;
      if (!more || update.length > 0) {
        throw new RuntimeError('RefusedByPlugin', 'plugin does not handle split sync requests');
      }
    }
    return [];
  }

  #sendState(request: SynchronizeRequest, deadlineMs: number) {
    return this.#plugin.synchronize(request, { timeoutMs: Math.max(1, deadlineMs - performance.now()) });
  }

  createContainer(pod: PodSandbox, container: Container): Promise<CreateContainerResponse | undefined> {
    return this.#call(Event.CREATE_CONTAINER, (options) => this.#plugin.createContainer({ pod, container }, options));
  }

  updateContainer(
    pod: PodSandbox,
    container: Container,
    linuxResources: LinuxResources,
  ): Promise<UpdateContainerResponse | undefined> {
    return this.#call(Event.UPDATE_CONTAINER, (options) =>
      this.#plugin.updateContainer({ pod, container, linuxResources }, options),
    );
  }

  stopContainer(pod: PodSandbox, container: Container): Promise<StopContainerResponse | undefined> {
    return this.#call(Event.STOP_CONTAINER, (options) => this.#plugin.stopContainer({ pod, container }, options));
  }

  /** Tells of an event in the form that the runtime's NRI has, and in the older one when the plugin knows no other. */
  notify(event: PlainEvent, pod: PodSandbox, container: Container | undefined): Promise<Empty | undefined> {
    return this.#call(event, async (options) => {
      const change = { event, pod, container };
      if (!this.#options.identity.saysVersion) return this.#plugin.stateChange(change, options);
      try {
        return await this.#plugin[EVENT_CALLS[event]]({ pod, container }, options);
      } catch (error) {
        if (!(error instanceof TtrpcError) || error.code !== 'Unimplemented') throw error;
        return this.#plugin.stateChange(change, options);
      }
    });
  }

  /** Hangs up. May be called again. */
  close(): void {
    this.#mux.close();
  }

  /** Calls a subscribed plugin; undefined when it is not, or was too slow or gone, in which case it is no more. */
  async #call<T>(event: Event, call: (options: { timeoutMs: number }) => Promise<T>): Promise<T | undefined> {
    if (this.#closed || (this.#events & (1 << (event - 1))) === 0) return undefined;
    try {
      return await call({ timeoutMs: this.#options.timeouts.requestTimeoutMs });
    } catch (error) {
      if (!isFatal(error)) throw error;
      this.close();
      return undefined;
    }
  }

  #runtimeService() {
    return implementService(RuntimeDefinition, {
      registerPlugin: ({ pluginName, pluginIdx }) => {
        this.#register(pluginName, pluginIdx);
        return {};
      },
      updateContainers: async ({ update }) => ({ failed: await this.#options.onUpdate(update) }),
    });
  }

  #register(name: string, index: string): void {
    const refuse = (why: string): never => {
      const error = new TtrpcError('Unknown', why);
      // The answer leaves before the connection closes.
      setImmediate(() => this.#registered.reject(error));
      throw error;
    };
    if (!/^[A-Za-z0-9_.+-]+$/.test(name)) refuse(`invalid plugin name: ${JSON.stringify(name)}`);
    if (!/^\d\d$/.test(index)) refuse(`invalid plugin index: ${JSON.stringify(index)}, must be 2 digits`);
    this.#name = name;
    this.#index = index;
    this.#registered.resolve();
  }

  #end(): void {
    this.#closed = true;
    this.#registered.reject(new RuntimeError('RefusedByPlugin', 'failed to register plugin, connection closed'));
    this.#options.onClosed();
  }
}
