import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import { errorText, type Log } from '../lib/log.ts';

/**
 * How often the directory is looked at when the kernel reports nothing, as without inotify watches, in milliseconds.
 */
const POLL_INTERVAL_MS = 500;

/** What became of the directory of claim records. */
export type ClaimsState = 'held' | 'lost' | 'recreated';

/** What a watch calls. */
export interface ClaimsWatchOptions {
  /** Looks at the directory, and creates it again where that is wanted. */
  readonly check: () => Promise<ClaimsState>;
  /** Called once; nothing is called after it. */
  readonly onLost: () => void;
  readonly onRecreated: () => void;
  readonly log: Log;
}

/** Looks at the directory of claim records whenever an entry beside it changes, and every 500 ms. */
export class ClaimsWatch {
  readonly #directory: string;
  readonly #options: ClaimsWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #watcher: FSWatcher | undefined;
  #isStopped = false;
  #isChecking = false;
  #isCheckWanted = false;

  constructor(path: string, options: ClaimsWatchOptions) {
    this.#directory = dirname(path);
    this.#options = options;
    this.#timer = setInterval(() => void this.#requestCheck(), POLL_INTERVAL_MS).unref();
    this.#watchDirectory();
    void this.#requestCheck();
  }

  /** Calls nothing from now on. May be called twice. */
  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#watcher?.close();
  }

  #watchDirectory(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    try {
      const watcher = watch(this.#directory, { persistent: false }, () => void this.#requestCheck());
      // From then on the timer alone checks.
      watcher.on('error', () => watcher.close());
      this.#watcher = watcher;
    } catch (error) {
      const fields = { directory: this.#directory, reason: errorText(error) };
      this.#options.log.debug('Failed to watch the directory of claim records', fields);
    }
  }

  async #requestCheck(): Promise<void> {
    this.#isCheckWanted = true;
    if (this.#isChecking) return;
    this.#isChecking = true;
    while (this.#isCheckWanted && !this.#isStopped) {
      this.#isCheckWanted = false;
      this.#act(await this.#check());
    }
    this.#isChecking = false;
  }

  /** A check that fails shows nothing; the next one follows. */
  async #check(): Promise<ClaimsState> {
    try {
      return await this.#options.check();
    } catch (error) {
      const fields = { directory: this.#directory, reason: errorText(error) };
      this.#options.log.warn('Failed to check the directory of claim records', fields);
      return 'held';
    }
  }

  #act(state: ClaimsState): void {
    if (this.#isStopped || state === 'held') return;
    if (state === 'lost') {
      this.stop();
      this.#options.onLost();
    } else {
      // The directory around it may be a new one under the old name.
      this.#watchDirectory();
      this.#options.onRecreated();
    }
  }
}
