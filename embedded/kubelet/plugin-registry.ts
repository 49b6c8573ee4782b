import { join } from 'node:path';
import { errorText, type Log } from '../../src/lib/log.ts';
import type { ObjectStore } from '../apiserver/store/object-store.ts';
import { HealthCache } from './health-cache.ts';
import { KubeletFault } from './kubelet-fault.ts';
import { registerPlugin } from './plugin-registration.ts';
import { PluginWatcher } from './plugin-watcher.ts';
import { RegisteredPlugin } from './registered-plugin.ts';
import type { KubeletTiming } from './timing.ts';

/** Before a driver that did not answer on its registration socket is asked again. */
const REGISTRATION_RETRY_MS = 500;

/** What the registry works with. */
export interface PluginRegistryOptions {
  readonly store: ObjectStore;
  readonly nodeName: string;
  /** Root of the kubelet's files. */
  readonly rootDirectory: string;
  readonly timing: KubeletTiming;
  /** Called after the health of a device has changed. */
  readonly onHealth: () => void;
  readonly log: Log;
}

/** The drivers of the node: found by their sockets, registered, watched and forgotten. */
export class PluginRegistry {
  readonly health: HealthCache;
  readonly #options: PluginRegistryOptions;
  readonly #watcher: PluginWatcher;
  /** By registration socket, the newest last. */
  readonly #plugins = new Map<string, RegisteredPlugin>();
  /** The newest try per registration socket. */
  readonly #attempts = new Map<string, symbol>();
  readonly #wipes = new Map<string, NodeJS.Timeout>();
  readonly #retries = new Set<NodeJS.Timeout>();
  #registrations = 0;

  constructor(options: PluginRegistryOptions) {
    this.#options = options;
    this.health = new HealthCache(options.onHealth);
    this.#watcher = new PluginWatcher(join(options.rootDirectory, 'plugins_registry'), {
      onFound: (path) => void this.#register(path),
      onGone: (path) => this.#forget(path),
    });
  }

  /** Names of the drivers that are registered now. */
  get driverNames(): string[] {
    return [...new Set([...this.#plugins.values()].map(({ driverName }) => driverName))];
  }

  /** How many registrations there were, those of drivers that came back included. */
  get registrations(): number {
    return this.#registrations;
  }

  /** Looks for drivers from now on. */
  async start(): Promise<void> {
    await this.#watcher.start();
  }

  /** Hangs up on all drivers. May be called twice. */
  async stop(): Promise<void> {
    await this.#watcher.stop();
    this.#attempts.clear();
    for (const timer of [...this.#wipes.values(), ...this.#retries]) clearTimeout(timer);
    this.#wipes.clear();
    for (const plugin of this.#plugins.values()) plugin.close();
    this.#plugins.clear();
    this.health.clear();
  }

  /**
   * The driver's plugin: the newest that is connected, else the newest.
   * @throws KubeletFault `DriverNotRegistered`
   */
  find(driverName: string): RegisteredPlugin {
    const ofDriver = [...this.#plugins.values()].filter((plugin) => plugin.driverName === driverName);
    const plugin = ofDriver.findLast(({ isConnected }) => isConnected) ?? ofDriver.at(-1);
    if (plugin) return plugin;
    throw new KubeletFault('DriverNotRegistered', `DRA driver ${driverName} is not registered`);
  }

  async #register(path: string): Promise<void> {
    const attempt = Symbol(path);
    this.#attempts.set(path, attempt);
    const { timing, log } = this.#options;
    try {
      const driverName = await registerPlugin(path, (info) => {
        if (this.#attempts.get(path) !== attempt)
          throw new KubeletFault('RegistrationRefused', 'the socket was replaced');
        const listener = {
          onHealth: (report: Parameters<HealthCache['report']>[1]) => this.health.report(info.name, report),
          onConnection: () => this.#considerWipe(info.name),
        };
        const plugin = new RegisteredPlugin(info, { listener, healthRetryMs: timing.healthRetryMs });
        this.#plugins.get(path)?.close();
        this.#plugins.delete(path);
        this.#plugins.set(path, plugin);
        this.#considerWipe(info.name);
        return info.name;
      });
      this.#registrations += 1;
      log.info('driver registered', { driver: driverName, socket: path });
    } catch (error) {
      log.warn('driver not registered', { socket: path, reason: errorText(error) });
      if (error instanceof KubeletFault || this.#attempts.get(path) !== attempt) return;
      const timer = setTimeout(() => {
        this.#retries.delete(timer);
        if (this.#attempts.get(path) === attempt) void this.#register(path);
      }, REGISTRATION_RETRY_MS).unref();
      this.#retries.add(timer);
    }
  }

  #forget(path: string): void {
    this.#attempts.delete(path);
    const plugin = this.#plugins.get(path);
    if (!plugin) return;
    plugin.close();
    this.#plugins.delete(path);
    this.#considerWipe(plugin.driverName);
    this.#options.log.info('driver deregistered', { driver: plugin.driverName, socket: path });
  }

  /** The slices of a driver that stays away are deleted, so that nothing more is allocated from them. */
  #considerWipe(driverName: string): void {
    clearTimeout(this.#wipes.get(driverName));
    this.#wipes.delete(driverName);
    if ([...this.#plugins.values()].some((plugin) => plugin.driverName === driverName && plugin.isConnected)) return;
    const timer = setTimeout(() => this.#wipeSlices(driverName), this.#options.timing.sliceWipeMs).unref();
    this.#wipes.set(driverName, timer);
  }

  #wipeSlices(driverName: string): void {
    const { store, nodeName, log } = this.#options;
    const slices = store
      .list('resourceslices')
      .items.filter(({ spec }) => spec.driver === driverName && spec.nodeName === nodeName);
    for (const { metadata } of slices) store.delete('resourceslices', metadata.name);
    log.info('slices deleted, their driver is gone', { driver: driverName, slices: slices.length });
  }
}
