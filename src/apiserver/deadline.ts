import { errorText } from '../lib/log.ts';
import { ApiError } from './api-error.ts';
import { ApiConnectionError } from './connection-error.ts';

/** When a request ends at the latest. */
interface DeadlineOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Ends a request in time, or when the caller wishes, and says why. */
export class Deadline {
  readonly #action: string;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  #partTimer: NodeJS.Timeout | undefined;

  constructor(action: string, { timeoutMs, signal }: DeadlineOptions) {
    this.#action = action;
    this.#outer = signal;
    this.#timer = setTimeout(() => this.#expire(`did not answer within ${timeoutMs} ms`), timeoutMs);
    signal?.addEventListener('abort', this.#abort, { once: true });
    if (signal?.aborted) this.#abort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  readonly #abort = () => this.#controller.abort(this.#outer?.reason);

  #expire(why: string): void {
    this.#controller.abort(new ApiError('Timeout', `${this.#action}: the API server ${why}`));
  }

  /** Ends the request when this is not called again within the time, with another time or none. A limit that holds stays as it is. */
  limitPart(timeoutMs: number | undefined): void {
    if (timeoutMs === undefined) {
      clearTimeout(this.#partTimer);
      this.#partTimer = undefined;
    } else {
      this.#partTimer ??= setTimeout(() => this.#expire(`did not go on within ${timeoutMs} ms`), timeoutMs);
    }
  }

  /** Resolves as `work` does; rejects as soon as the request has to end. */
  async race<T>(work: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const end = () => reject(this.signal.reason as Error);
    this.signal.addEventListener('abort', end, { once: true });
    if (this.signal.aborted) end();
    try {
      return await Promise.race([work, promise]);
    } finally {
      this.signal.removeEventListener('abort', end);
    }
  }

  clear(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#partTimer);
    this.#outer?.removeEventListener('abort', this.#abort);
  }

  /** What to throw for what was caught. */
  explain(error: unknown): unknown {
    if (this.signal.aborted) return this.signal.reason;
    if (error instanceof ApiError || error instanceof ApiConnectionError) return error;
    const code = error instanceof RangeError ? 'MalformedAnswer' : 'Unreachable';
    return new ApiError(code, `${this.#action}: ${errorText(error)}`, { cause: error });
  }
}
