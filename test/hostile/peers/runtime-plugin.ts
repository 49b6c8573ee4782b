import type { Duplex } from 'node:stream';
import {
  type Container,
  type ContainerUpdate,
  type CreateContainerResponse,
  Event,
  type LinuxResources,
  PluginDefinition,
  type PodSandbox,
  RuntimeDefinition,
} from '../../../src/gen/nri.ts';
import { MUX_CONNECTIONS, Mux } from '../../../src/nri/mux.ts';
import { createServiceClient, type ServiceClient, TtrpcClient } from '../../../src/ttrpc/client.ts';
import { implementService, TtrpcServer } from '../../../src/ttrpc/server.ts';
import { TtrpcError } from '../../../src/ttrpc/status.ts';
import type { FairClock } from './fair-clock.ts';
import { NRI_GENERATIONS, type NriGeneration } from './runtime-container.ts';

/** How long the runtime waits for an answer before it hangs up, in milliseconds (NRI's default). */
const HOOK_PATIENCE_MS = 2_000;
const REGISTRATION_PATIENCE_MS = 5_000;
/** Whatever the machine does, no call takes longer. */
const HANG_TIMEOUT_MS = 20_000;
const PATIENCE_CHECK_MS = 50;

/** Largest part of a state that goes into one Synchronize message; ttrpc takes 4 MiB. */
const STATE_BYTES_MAX = 3 * 1024 * 1024;

/** Events without an answer, by the call that each has since NRI 0.12. */
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

/** One call of a plugin, from the request to the answer. */
export interface HookTiming {
  readonly hook: string;
  readonly durationMs: number;
  /** The same without the time in which the machine let the driver or the suite wait. */
  readonly fairMs: number;
  readonly outcome: 'answered' | 'refused' | 'late' | 'lost';
}

/** What the connection needs of the runtime. */
export interface PluginHost {
  readonly nri: NriGeneration;
  readonly clock: FairClock;
  update(updates: readonly ContainerUpdate[]): Promise<ContainerUpdate[]>;
  onTiming(timing: HookTiming): void;
  onClosed(): void;
}

/** A pod, its container, and what the event is about. */
interface Subject {
  readonly pod: PodSandbox;
  readonly container?: Container;
}

/** The runtime's end of the connection with one plugin. */
export class RuntimePlugin {
  readonly #host: PluginHost;
  readonly #mux: Mux;
  readonly #server: TtrpcServer;
  readonly #plugin: ServiceClient<typeof PluginDefinition>;
  readonly #registered = Promise.withResolvers<string>();
  #events = 0;
  isClosed = false;
  /** Index and name: "00-dra.cpu". */
  name = '';

  constructor(socket: Duplex, host: PluginHost) {
    this.#host = host;
    this.#registered.promise.catch(() => undefined);
    this.#mux = new Mux(socket, () => this.#end());
    const client = new TtrpcClient(this.#mux.open(MUX_CONNECTIONS.pluginService), () => this.close());
    this.#plugin = createServiceClient(client, PluginDefinition);
    const routes = implementService(RuntimeDefinition, {
      registerPlugin: ({ pluginName, pluginIdx }) => {
        this.name = `${pluginIdx}-${pluginName}`;
        this.#registered.resolve(this.name);
        return {};
      },
      updateContainers: async ({ update }) => ({ failed: await host.update(update) }),
    });
    this.#server = new TtrpcServer(this.#mux.open(MUX_CONNECTIONS.runtimeService), routes, () => this.close());
  }

  /** Lets the plugin in. @throws TtrpcError when it does not register or refuses its configuration. */
  async admit(): Promise<void> {
    const { name, version, says, lastEvent } = NRI_GENERATIONS[this.#host.nri];
    const timer = setTimeout(() => this.close(), REGISTRATION_PATIENCE_MS);
    await this.#registered.promise.finally(() => clearTimeout(timer));
    const request = {
      config: '',
      runtimeName: name,
      runtimeVersion: version,
      registrationTimeout: BigInt(REGISTRATION_PATIENCE_MS),
      requestTimeout: BigInt(HOOK_PATIENCE_MS),
      nriVersion: says,
    };
    const { events } = await this.#timed('Configure', (options) => this.#plugin.configure(request, options));
    const known = (1 << lastEvent) - 1;
    if ((events & ~known) !== 0) throw new TtrpcError('InvalidArgument', 'invalid plugin events');
    this.#events = events === 0 ? known : events;
  }

  /** Sends pods and containers, in several messages when they are large; the updates that the plugin wants. */
  async synchronize(pods: PodSandbox[], containers: readonly Container[]): Promise<ContainerUpdate[]> {
    const parts = splitBySize(containers);
    return this.#timed('Synchronize', async (options) => {
      for (const [index, part] of parts.entries()) {
        const more = index < parts.length - 1;
        const state = { pods: index === 0 ? pods : [], containers: part, more };
        const { update } = await this.#plugin.synchronize(state, options);
        if (!more) return update;
      }
      return [];
    });
  }

  createContainer(pod: PodSandbox, container: Container): Promise<CreateContainerResponse | undefined> {
    return this.#call(Event.CREATE_CONTAINER, (options) => this.#plugin.createContainer({ pod, container }, options));
  }

  async stopContainer(pod: PodSandbox, container: Container): Promise<readonly ContainerUpdate[]> {
    const answer = await this.#call(Event.STOP_CONTAINER, (options) =>
      this.#plugin.stopContainer({ pod, container }, options),
    );
    return answer?.update ?? [];
  }

  async updateContainer(
    pod: PodSandbox,
    container: Container,
    linuxResources: LinuxResources,
  ): Promise<readonly ContainerUpdate[]> {
    const answer = await this.#call(Event.UPDATE_CONTAINER, (options) =>
      this.#plugin.updateContainer({ pod, container, linuxResources }, options),
    );
    return answer?.update ?? [];
  }

  /** Tells of an event in the form that the runtime's NRI has. */
  async notify(event: PlainEvent, { pod, container }: Subject): Promise<void> {
    await this.#call(event, (options) =>
      NRI_GENERATIONS[this.#host.nri].hasEventCalls
        ? this.#plugin[EVENT_CALLS[event]]({ pod, container }, options)
        : this.#plugin.stateChange({ event, pod, container }, options),
    );
  }

  /** Hangs up. May be called again. */
  close(): void {
    this.#server.close();
    this.#mux.close();
  }

  /** Calls a plugin that subscribed to the event; one that is late is gone, as for the real runtime. */
  async #call<T>(event: Event, call: (options: { timeoutMs: number }) => Promise<T>): Promise<T | undefined> {
    if (this.isClosed || (this.#events & (1 << (event - 1))) === 0) return undefined;
    try {
      return await this.#timed(nameOf(event), call);
    } catch (error) {
      if (error instanceof TtrpcError && (error.code === 'ConnectionClosed' || error.code === 'DeadlineExceeded')) {
        this.close();
        return undefined;
      }
      throw error;
    }
  }

  async #timed<T>(hook: string, call: (options: { timeoutMs: number }) => Promise<T>): Promise<T> {
    const { clock } = this.#host;
    const startMs = clock.nowMs;
    const measure = clock.measure();
    let isNoted = false;
    const note = (outcome: HookTiming['outcome']) => {
      if (!isNoted) this.#host.onTiming({ hook, ...measure(), outcome });
      isNoted = true;
    };
    const watch = setInterval(() => {
      if (clock.nowMs - startMs <= HOOK_PATIENCE_MS) return;
      note('late');
      this.close();
    }, PATIENCE_CHECK_MS);
    try {
      const answer = await call({ timeoutMs: HANG_TIMEOUT_MS });
      note('answered');
      return answer;
    } catch (error) {
      const isLost = error instanceof TtrpcError && error.code === 'ConnectionClosed';
      note(isLost ? 'lost' : 'refused');
      throw error;
    } finally {
      clearInterval(watch);
    }
  }

  #end(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#registered.reject(new TtrpcError('ConnectionClosed', 'the plugin hung up before it registered'));
    this.#host.onClosed();
  }
}

function nameOf(event: Event): string {
  return Object.entries(Event).find(([, value]) => value === event)?.[0] ?? String(event);
}

function splitBySize(containers: readonly Container[]): Container[][] {
  const parts: Container[][] = [[]];
  let lengthBytes = 0;
  for (const container of containers) {
    const size = container.env.reduce((sum, entry) => sum + entry.length, 1_000);
    if (lengthBytes + size > STATE_BYTES_MAX && lengthBytes > 0) {
      parts.push([]);
      lengthBytes = 0;
    }
    parts.at(-1)?.push(container);
    lengthBytes += size;
  }
  return parts;
}
