import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import { errorText, type Log } from '../lib/log.ts';
import { SocketError } from './socket-error.ts';
import type { SocketListener } from './socket-listener.ts';

/**
 * Looks at the files even when nothing was reported, because inotify watches can run out or miss a replaced directory.
 */
const CHECK_INTERVAL_MS = 5_000;

/**
 * Opens sockets again when they or their directory are removed, as a kubelet does on some distributions when it starts.
 * Takes them in the order in which they must be opened. A socket in whose place another process answers is left to that
 * process, unless `isOtherStale` resolves to true.
 */
export class SocketKeeper {
  readonly #listeners: readonly SocketListener[];
  readonly #log: Log;
  readonly #isOtherStale: () => Promise<boolean>;
  #watchers: FSWatcher[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** The check under way, if any. */
  #checking: Promise<void> | undefined;
  #isCheckWanted = false;

  constructor(
    listeners: readonly SocketListener[],
    log: Log,
    isOtherStale: () => Promise<boolean> = () => Promise.resolve(false),
  ) {
    this.#listeners = listeners;
    this.#log = log;
    this.#isOtherStale = isOtherStale;
  }

  /** Starts watching. */
  start(): void {
    this.#watch();
    this.#timer = setInterval(() => this.#requestCheck(), CHECK_INTERVAL_MS).unref();
  }

  /** Stops watching and waits for a check under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#unwatch();
    this.#isCheckWanted = false;
    await this.#checking;
  }

  #watch(): void {
    this.#unwatch();
    for (const directory of new Set(this.#listeners.map(({ path }) => dirname(path)))) {
      try {
        const watcher = watch(directory, { persistent: false }, () => this.#requestCheck());
        watcher.on('error', () => this.#requestCheck());
        this.#watchers.push(watcher);
      } catch (error) {
        this.#log.debug('socket directory not watched', { directory, reason: errorText(error) });
      }
    }
  }

  #unwatch(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  #requestCheck(): void {
    if (this.#timer === undefined) return;
    this.#isCheckWanted = true;
    this.#checking ??= this.#checkWhileWanted();
  }

  async #checkWhileWanted(): Promise<void> {
    while (this.#isCheckWanted) {
      this.#isCheckWanted = false;
      await this.#check();
    }
    this.#checking = undefined;
  }

  async #check(): Promise<void> {
    let hasReopened = false;
    for (const listener of this.#listeners) {
      if (await listener.isInPlace()) continue;
      if (!(await this.#reopen(listener))) return;
      hasReopened = true;
    }
    // The directory may be a new one under the old name.
    if (hasReopened && this.#timer !== undefined) this.#watch();
  }

  /** Opens one socket again; whether that succeeded. */
  async #reopen(listener: SocketListener): Promise<boolean> {
    const fields = { socket: listener.path };
    try {
      await listener.open();
      this.#log.warn('Opened a socket again that had been removed', fields);
      return true;
    } catch (error) {
      const isOther = error instanceof SocketError && error.code === 'SocketInUse';
      if (isOther && (await this.#isOtherStale())) return this.#replace(listener);
      // Stopped meanwhile, because the other process is the successor.
      if (this.#timer !== undefined) {
        this.#log.error('Failed to open a socket again that had been removed', { ...fields, reason: errorText(error) });
      }
      return false;
    }
  }

  /** Opens a socket in the place of one on which another process answers. */
  async #replace(listener: SocketListener): Promise<boolean> {
    try {
      await listener.open({ evenIfAnswered: true });
      this.#log.warn('Replaced the socket of another process', { socket: listener.path });
      return true;
    } catch (error) {
      this.#log.error('Failed to replace a socket', { socket: listener.path, reason: errorText(error) });
      return false;
    }
  }
}
