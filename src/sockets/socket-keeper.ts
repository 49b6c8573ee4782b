import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import { errorText, type Log } from '../lib/log.ts';
import type { SocketListener } from './socket-listener.ts';

/** Looks at the files even when nothing was reported, because inotify watches can run out or miss a replaced directory. */
const CHECK_INTERVAL_MS = 5_000;

/**
 * Puts sockets back when somebody removes them or their directory, as a kubelet does on some distributions when it starts.
 * Takes them in the order in which they must be opened.
 */
export class SocketKeeper {
  readonly #listeners: readonly SocketListener[];
  readonly #log: Log;
  #watchers: FSWatcher[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** The check under way, if any. */
  #checking: Promise<void> | undefined;
  #isCheckWanted = false;

  constructor(listeners: readonly SocketListener[], log: Log) {
    this.#listeners = listeners;
    this.#log = log;
  }

  /** Watches from now on. */
  start(): void {
    this.#watch();
    this.#timer = setInterval(() => this.#requestCheck(), CHECK_INTERVAL_MS).unref();
  }

  /** Watches no longer and waits for a check under way. */
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
      try {
        await listener.open();
        hasReopened = true;
        this.#log.warn('socket was removed and is back', { socket: listener.path });
      } catch (error) {
        this.#log.error('socket was removed and cannot be put back', {
          socket: listener.path,
          reason: errorText(error),
        });
        return;
      }
    }
    // The directory may be a new one under the old name.
    if (hasReopened && this.#timer !== undefined) this.#watch();
  }
}
