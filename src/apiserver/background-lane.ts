import { Backoff, type BackoffOptions, sleep } from '../lib/backoff.ts';
import { ApiError } from './api-error.ts';

/** What a lane does, and for how many. */
export interface BackgroundLaneOptions {
  /** Does what is due for a key. */
  readonly work: (key: string, signal: AbortSignal) => Promise<void>;
  /** Told of an error that trying again would not mend; the key is dropped. */
  readonly onRefused: (key: string, error: unknown) => void;
  /** So many keys wait at most; more are not taken. */
  readonly keysMax: number;
  readonly retry?: BackoffOptions;
}

/**
 * What was added waits this long, in milliseconds: the kubelet's calls come in bursts and go first, and a wish that is taken back
 * meanwhile costs nothing.
 */
const SETTLE_MS = 200;

const RETRY: BackoffOptions = { initialMs: 500, maxMs: 60_000 };

/**
 * Does things that nobody waits for, one after the other, so that they never take a connection away from what somebody does
 * wait for. A key that waits already is not taken twice; while the API server is away or busy the lane waits.
 */
export class BackgroundLane {
  readonly #options: BackgroundLaneOptions;
  readonly #pending = new Set<string>();
  readonly #abort = new AbortController();
  readonly #backoff: Backoff;
  #running: Promise<void> | undefined;

  constructor(options: BackgroundLaneOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.retry ?? RETRY);
  }

  /** Takes a key in; false when too many wait or the lane has ended. */
  add(key: string): boolean {
    const isFull = this.#pending.size >= this.#options.keysMax && !this.#pending.has(key);
    if (isFull || this.#abort.signal.aborted) return false;
    this.#pending.add(key);
    this.#running ??= this.#run(this.#abort.signal);
    return true;
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Drops what waits and resolves when nothing runs; may be called twice. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    await sleep(SETTLE_MS, signal);
    for (const key of this.#pending) {
      this.#pending.delete(key);
      try {
        await this.#options.work(key, signal);
        this.#backoff.reset();
      } catch (error) {
        if (signal.aborted) break;
        if (error instanceof ApiError && error.isTransient) {
          this.#pending.add(key);
          await sleep(Math.max(error.retryAfterMs ?? 0, this.#backoff.nextMs()), signal);
        } else this.#options.onRefused(key, error);
      }
      if (signal.aborted) break;
    }
    this.#running = undefined;
  }
}
