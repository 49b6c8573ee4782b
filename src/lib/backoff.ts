import { setTimeout as delay } from 'node:timers/promises';

/** How waiting times between attempts grow. */
export interface BackoffOptions {
  /** Upper end of the first waiting time. */
  readonly initialMs: number;
  /** Upper end of every later one. */
  readonly maxMs: number;
  /** How much longer each waits than the one before, 2 by default. */
  readonly factor?: number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/**
 * Waiting times that grow from attempt to attempt, each drawn from the upper half of its range so that many clients which
 * failed together do not come back together.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #ceilingMs: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#ceilingMs = options.initialMs;
  }

  /** Milliseconds to wait before the next attempt. */
  nextMs(): number {
    const { maxMs, factor = 2, random = Math.random } = this.#options;
    const ceilingMs = this.#ceilingMs;
    this.#ceilingMs = Math.min(maxMs, ceilingMs * factor);
    return ceilingMs * (0.5 + random() / 2);
  }

  /** Starts again with the first waiting time, after a success. */
  reset(): void {
    this.#ceilingMs = this.#options.initialMs;
  }
}

/** Resolves after `waitMs`, or as soon as `signal` aborts; never rejects and does not keep the process alive. */
export async function sleep(waitMs: number, signal?: AbortSignal): Promise<void> {
  await delay(waitMs, undefined, { ref: false, ...(signal === undefined ? {} : { signal }) }).catch(() => undefined);
}
