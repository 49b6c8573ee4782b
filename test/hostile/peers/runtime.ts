import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ContainerUpdate, Event } from '../../../src/gen/nri.ts';
import { TtrpcError } from '../../../src/ttrpc/status.ts';
import type { Dice } from '../dice.ts';
import { resolveCdiDevices } from './cdi-devices.ts';
import type { FairClock } from './fair-clock.ts';
import type { HostCgroups } from './host-cgroups.ts';
import {
  containerMessage,
  type ContainerSpec,
  type NriGeneration,
  resourcesMessage,
  type RuntimeContainer,
  type Sandbox,
  sandboxMessage,
} from './runtime-container.ts';
import { type HookTiming, type PlainEvent, RuntimePlugin } from './runtime-plugin.ts';

/** What became of a container's creation. */
export type Creation =
  | { readonly kind: 'created'; readonly container: RuntimeContainer }
  /** A plugin refused it. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** A CDI device is not to be found. */
  | { readonly kind: 'unresolvable' }
  /** Two plugins wanted to set its CPUs. */
  | { readonly kind: 'conflict' };

/** What the runtime is made of. */
export interface RuntimeOptions {
  readonly socketPath: string;
  readonly cdiDirectory: string;
  readonly nri: NriGeneration;
  readonly cgroups: HostCgroups;
  readonly dice: Dice;
  readonly clock: FairClock;
  /** CPUs of some containers were told, or a container came. */
  readonly onTold: (cause: string) => void;
}

const FIRST_PID = 4_000;

/** A container runtime of the suite's own: it asks the driver as containerd does, and does whatever the story wants besides. */
export class HostileRuntime {
  readonly containers = new Map<string, RuntimeContainer>();
  readonly sandboxes = new Map<string, Sandbox>();
  readonly timings: HookTiming[] = [];
  /** Updates outside hooks are applied this much later, in milliseconds. */
  updateDelayMs = 0;
  readonly #options: RuntimeOptions;
  readonly #connections = new Set<RuntimePlugin>();
  #plugins: readonly RuntimePlugin[] = [];
  #server: Server | undefined;
  #lock: Promise<unknown> = Promise.resolve();
  #admissions: Promise<void> = Promise.resolve();
  /** Containers that are being created while a plugin synchronizes: in no list, of which only events tell. */
  #inCreation: RuntimeContainer[] = [];
  #count = 0;

  constructor(options: RuntimeOptions) {
    this.#options = options;
  }

  /** Names of the plugins that get events. */
  get plugins(): readonly string[] {
    return this.#plugins.map(({ name }) => name);
  }

  /** Whether the driver's own plugin gets events. */
  get isPinned(): boolean {
    return this.#plugins.some(({ name }) => name.endsWith('-dra.cpu'));
  }

  async start(): Promise<void> {
    rmSync(this.#options.socketPath, { force: true });
    const server = createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket));
    server.listen(this.#options.socketPath);
    await once(server, 'listening');
    this.#server = server;
  }

  /** As a runtime that is killed: connections end, containers run on. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.disconnect();
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
    await this.#admissions;
  }

  /** Hangs up on every plugin. */
  disconnect(): void {
    for (const connection of this.#connections) connection.close();
  }

  async runSandbox(sandbox: Sandbox): Promise<void> {
    this.sandboxes.set(sandbox.id, sandbox);
    await this.#exclusively(() => this.#notify(Event.RUN_POD_SANDBOX, sandbox));
  }

  async stopSandbox(sandbox: Sandbox): Promise<void> {
    await this.#exclusively(() => this.#notify(Event.STOP_POD_SANDBOX, sandbox));
  }

  async removeSandbox(sandbox: Sandbox): Promise<void> {
    this.sandboxes.delete(sandbox.id);
    await this.#exclusively(() => this.#notify(Event.REMOVE_POD_SANDBOX, sandbox));
  }

  /** Creates and starts a container, as a CreateContainer and a StartContainer of the kubelet. */
  async run(sandbox: Sandbox, spec: ContainerSpec): Promise<Creation> {
    const container = await this.#make(sandbox, spec);
    if (!container) return { kind: 'unresolvable' };
    const creation = await this.#exclusively(() => this.#create(container));
    if (creation.kind === 'created') await this.#exclusively(() => this.#start(container));
    return creation;
  }

  /**
   * Creates a container of which a plugin that comes now hears only afterwards: it is in no list, and no CreateContainer is sent
   * for it (containerd/containerd#13698).
   */
  async runUnlisted(sandbox: Sandbox, spec: ContainerSpec): Promise<RuntimeContainer | undefined> {
    const container = await this.#make(sandbox, spec);
    if (!container) return undefined;
    container.isUnseen = true;
    this.#inCreation.push(container);
    this.#options.cgroups.create(container.cgroupsPath, '');
    this.containers.set(container.id, container);
    return container;
  }

  /** Its process ends, and the runtime tells so. */
  async stopContainer(container: RuntimeContainer): Promise<void> {
    this.#options.cgroups.end(container);
    await this.stopEvent(container);
  }

  /** The runtime tells that a container stopped, whatever its process does. */
  async stopEvent(container: RuntimeContainer): Promise<void> {
    container.state = 'stopped';
    await this.#exclusively(async () => {
      for (const plugin of this.#plugins) {
        this.#apply(await plugin.stopContainer(sandboxMessage(container.sandbox), this.#message(container)), 'stop');
      }
    });
  }

  /** The CPUs that an earlier driver told for a container. */
  tellEarlier(container: RuntimeContainer, cpus: string): void {
    container.isUnseen = false;
    this.#setTold(container, cpus);
  }

  async removeContainer(container: RuntimeContainer): Promise<void> {
    this.containers.delete(container.id);
    this.#inCreation = this.#inCreation.filter((other) => other !== container);
    this.#options.cgroups.remove(container);
    await this.#exclusively(() => this.#notify(Event.REMOVE_CONTAINER, container.sandbox, container));
  }

  /** Somebody sets a container's CPUs; what plugins say to that wins. */
  async setCpus(container: RuntimeContainer, cpus: string): Promise<void> {
    await this.#exclusively(async () => {
      for (const plugin of this.#plugins) {
        const pod = sandboxMessage(container.sandbox);
        const updates = await plugin.updateContainer(pod, this.#message(container), resourcesMessage(cpus));
        this.#setTold(container, cpus);
        this.#apply(updates, 'update');
      }
    });
  }

  /** Tells of an event again, or of one that makes no sense. */
  async repeatEvent(event: PlainEvent, container: RuntimeContainer): Promise<void> {
    await this.#exclusively(() => this.#notify(event, container.sandbox, container));
  }

  async #make(sandbox: Sandbox, spec: ContainerSpec): Promise<RuntimeContainer | undefined> {
    const edits = await resolveCdiDevices(this.#options.cdiDirectory, spec.cdiDevices);
    if (!edits) return undefined;
    this.#count += 1;
    const id = this.#options.dice.uuid().replaceAll('-', '');
    const names = new Set(edits.map((entry) => entry.split('=', 1)[0]));
    const own = spec.env.filter((entry) => !names.has(entry.split('=', 1)[0]));
    return {
      id,
      sandbox,
      spec,
      env: [...own, ...edits],
      cgroupsPath: `/kubepods/pod${sandbox.pod.uid}/${id}`,
      pid: FIRST_PID + this.#count,
      told: '',
      state: 'created',
      isUnseen: false,
    };
  }

  async #create(container: RuntimeContainer): Promise<Creation> {
    let cpus: string | undefined;
    const updates: ContainerUpdate[] = [];
    for (const plugin of this.#plugins) {
      try {
        const answer = await plugin.createContainer(sandboxMessage(container.sandbox), this.#message(container));
        const wanted = answer?.adjust?.linux?.resources?.cpu?.cpus ?? '';
        if (wanted !== '' && cpus !== undefined) return { kind: 'conflict' };
        if (wanted !== '') cpus = wanted;
        updates.push(...(answer?.update ?? []));
      } catch (error) {
        if (!(error instanceof TtrpcError)) throw error;
        return { kind: 'refused', reason: error.message };
      }
    }
    container.told = cpus ?? '';
    container.isUnseen = cpus === undefined;
    this.#options.cgroups.create(container.cgroupsPath, container.told);
    this.containers.set(container.id, container);
    this.#apply(updates, `create ${container.spec.name}`);
    await this.#notify(Event.POST_CREATE_CONTAINER, container.sandbox, container);
    return { kind: 'created', container };
  }

  async #start(container: RuntimeContainer): Promise<void> {
    await this.#notify(Event.START_CONTAINER, container.sandbox, container);
    container.state = 'running';
    this.#options.cgroups.run(container);
    await this.#notify(Event.POST_START_CONTAINER, container.sandbox, container);
  }

  #message(container: RuntimeContainer) {
    return containerMessage(container, this.#options.nri);
  }

  async #notify(event: PlainEvent, sandbox: Sandbox, container?: RuntimeContainer): Promise<void> {
    const subject = { pod: sandboxMessage(sandbox), ...(container && { container: this.#message(container) }) };
    for (const plugin of this.#plugins) {
      await plugin.notify(event, subject).catch((error: unknown) => {
        if (!(error instanceof TtrpcError)) throw error;
      });
    }
  }

  #apply(updates: readonly ContainerUpdate[], cause: string): void {
    for (const { containerId, linux } of updates) {
      const container = this.containers.get(containerId);
      const cpus = linux?.resources?.cpu?.cpus ?? '';
      if (!container || container.state === 'stopped' || cpus === '') continue;
      container.isUnseen = false;
      this.#setTold(container, cpus);
    }
    this.#options.onTold(cause);
  }

  #setTold(container: RuntimeContainer, cpus: string): void {
    container.told = cpus;
    this.#options.cgroups.setCpus(container.cgroupsPath, cpus);
  }

  async #updateLater(updates: readonly ContainerUpdate[]): Promise<ContainerUpdate[]> {
    if (this.updateDelayMs > 0) await sleep(this.updateDelayMs);
    await this.#exclusively(async () => this.#apply(updates, 'update outside a hook'));
    return [];
  }

  /** One thing at a time happens to pods and containers, as under containerd's lock. */
  #exclusively<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#lock.then(task);
    this.#lock = done.catch(() => undefined);
    return done;
  }

  #accept(socket: Socket): void {
    socket.on('error', () => undefined);
    this.#admissions = this.#admissions.then(() => this.#admit(socket));
  }

  async #admit(socket: Socket): Promise<void> {
    if (!this.#server) return void socket.destroy();
    const plugin: RuntimePlugin = new RuntimePlugin(socket, {
      nri: this.#options.nri,
      clock: this.#options.clock,
      update: (updates) => this.#updateLater(updates),
      onTiming: (timing) => this.timings.push(timing),
      onClosed: () => {
        this.#connections.delete(plugin);
        this.#plugins = this.#plugins.filter((other) => other !== plugin);
      },
    });
    this.#connections.add(plugin);
    socket.resume();
    try {
      await plugin.admit();
      await this.#exclusively(() => this.#synchronize(plugin));
      await this.#exclusively(() => this.#finishCreations());
    } catch {
      plugin.close();
    }
  }

  async #synchronize(plugin: RuntimePlugin): Promise<void> {
    const { dice, nri } = this.#options;
    const unlisted = new Set(this.#inCreation);
    const listed = [...this.containers.values()].filter((one) => one.state !== 'stopped' && !unlisted.has(one));
    const pods = dice.shuffle([...this.sandboxes.values()]).map(sandboxMessage);
    const updates = await plugin.synchronize(
      pods,
      dice.shuffle(listed).map((container) => containerMessage(container, nri)),
    );
    if (plugin.isClosed) return;
    this.#plugins = [...this.#plugins, plugin].sort((a, b) => a.name.localeCompare(b.name));
    this.#apply(updates, 'synchronize');
  }

  /** The plugin is in, and the creations that were under way go on. */
  async #finishCreations(): Promise<void> {
    const created = this.#inCreation;
    this.#inCreation = [];
    for (const container of created) {
      await this.#notify(Event.POST_CREATE_CONTAINER, container.sandbox, container);
      await this.#start(container);
    }
  }
}
