import { mkdir, rm } from 'node:fs/promises';
import net from 'node:net';
import { dirname } from 'node:path';
import type { Container, ContainerUpdate, KeyValue, LinuxResources, PodSandbox } from '../../src/gen/nri.ts';
import { errorText, type Log } from '../../src/lib/log.ts';
import { type CpuChange, ReplyMerger } from './merge-replies.ts';
import type { NriIdentity, NriTimeouts } from './nri-identity.ts';
import { type PlainEvent, PluginConnection } from './plugin-connection.ts';
import type { State } from './nri-messages.ts';

/** What the server needs of the runtime around it. */
interface NriHost {
  /** Runs a task while nothing else happens to pods and containers. */
  exclusively<T>(task: () => Promise<T>): Promise<T>;
  /** Everything but exited containers. */
  readState(): State;
  /** Updates that a plugin wants at its start: failures are the log's. */
  applyUpdates(updates: readonly ContainerUpdate[]): Promise<void>;
  /** Updates outside an event; those that failed, or an error. */
  applyUnsolicited(updates: readonly ContainerUpdate[]): Promise<ContainerUpdate[]>;
}

/** What a server is made of. */
export interface NriServerOptions {
  readonly socketPath: string;
  readonly identity: NriIdentity;
  readonly timeouts: NriTimeouts;
  /** Largest Synchronize message. */
  readonly messageBytesMax: number;
  readonly host: NriHost;
  readonly log: Log;
}

/** What plugins want for a container being created. */
export interface MergedCreation {
  /** Linux lists; "" for no change. */
  readonly cpus: string;
  readonly mems: string;
  /** Variables to set. */
  readonly env: readonly KeyValue[];
  readonly changes: readonly CpuChange[];
}

/** The runtime's side of NRI: a socket for plugins, and events to all of them in the order of their indices. */
export class NriServer {
  readonly #options: NriServerOptions;
  readonly #connections = new Set<PluginConnection>();
  #plugins: PluginConnection[] = [];
  #server: net.Server | undefined;
  /** Plugins are let in one after the other, as the real runtime does. */
  #admissions: Promise<void> = Promise.resolve();

  constructor(options: NriServerOptions) {
    this.#options = options;
  }

  /** The plugins that are synchronised, as "90-dra". */
  get plugins(): readonly string[] {
    return this.#plugins.map((plugin) => plugin.fullName);
  }

  /** Listens, in place of a socket that a dead runtime left. */
  async start(): Promise<void> {
    const { socketPath } = this.#options;
    await mkdir(dirname(socketPath), { recursive: true });
    await rm(socketPath, { force: true });
    const server = net.createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socketPath, resolve);
    });
    this.#server = server;
  }

  /** Hangs up on every plugin without a word, as a runtime that is killed. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const connection of this.#connections) connection.close();
    await this.#admissions;
    await closed;
  }

  /** Asks every plugin about a new container. Throws what a plugin refuses with. */
  async createContainer(pod: PodSandbox, container: Container): Promise<MergedCreation> {
    const merger = new ReplyMerger(container.id);
    let [cpus, mems] = ['', ''];
    for (const plugin of this.#plugins) {
      const reply = await plugin.createContainer(pod, container);
      if (!reply) continue;
      const wanted = merger.adjust(plugin.fullName, reply.adjust);
      cpus = wanted.cpus || cpus;
      mems = wanted.mems || mems;
      merger.update(plugin.fullName, reply.update);
    }
    return { cpus, mems, env: merger.env, changes: merger.changes };
  }

  /** Asks every plugin about a change of resources; the changes they want, of that container or others. */
  async updateContainer(
    pod: PodSandbox,
    container: Container,
    resources: LinuxResources,
  ): Promise<readonly CpuChange[]> {
    const merger = new ReplyMerger();
    for (const plugin of this.#plugins) {
      const reply = await plugin.updateContainer(pod, container, resources);
      if (reply) merger.update(plugin.fullName, reply.update);
    }
    return merger.changes;
  }

  /** Tells every plugin that a container has ended; the changes they want of others. */
  async stopContainer(pod: PodSandbox, container: Container): Promise<readonly CpuChange[]> {
    const merger = new ReplyMerger();
    for (const plugin of this.#plugins) {
      const reply = await plugin.stopContainer(pod, container);
      if (reply) merger.update(plugin.fullName, reply.update);
    }
    return merger.changes;
  }

  /** Tells every plugin of an event that has no answer. */
  async notify(event: PlainEvent, pod: PodSandbox, container?: Container): Promise<void> {
    for (const plugin of this.#plugins) await plugin.notify(event, pod, container);
  }

  #accept(socket: net.Socket): void {
    socket.on('error', () => undefined);
    this.#admissions = this.#admissions.then(() => this.#admit(socket));
  }

  async #admit(socket: net.Socket): Promise<void> {
    if (!this.#server) {
      socket.destroy();
      return;
    }
    const { identity, timeouts, host, log } = this.#options;
    const connection: PluginConnection = new PluginConnection(socket, {
      identity,
      timeouts,
      onUpdate: (updates) => host.exclusively(() => host.applyUnsolicited(updates)),
      onClosed: () => this.#forget(connection),
    });
    this.#connections.add(connection);
    socket.resume();
    try {
      await connection.admit();
      await host.exclusively(() => this.#synchronize(connection));
      log.debug('NRI plugin connected', { plugin: connection.fullName });
    } catch (error) {
      log.debug('NRI plugin not let in', { plugin: connection.fullName, reason: errorText(error) });
      connection.close();
    }
  }

  /** Gives a plugin the state and takes its updates; it gets events from then on. */
  async #synchronize(connection: PluginConnection): Promise<void> {
    const { host, messageBytesMax } = this.#options;
    const updates = await connection.synchronize(host.readState(), messageBytesMax);
    await host.applyUpdates(updates);
    if (connection.isClosed) return;
    this.#plugins = [...this.#plugins, connection].sort((a, b) => a.index.localeCompare(b.index));
  }

  #forget(connection: PluginConnection): void {
    this.#connections.delete(connection);
    this.#plugins = this.#plugins.filter((plugin) => plugin !== connection);
  }
}
