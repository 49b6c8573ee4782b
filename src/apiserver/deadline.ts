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

  constructor(action: string, { timeoutMs, signal }: DeadlineOptions) {
    this.#action = action;
    this.#outer = signal;
    this.#timer = setTimeout(() => {
      this.#controller.abort(
        new ApiError('Timeout', `${action}: the API server did not answer within ${timeoutMs} ms`),
      );
    }, timeoutMs);
    signal?.addEventListener('abort', this.#abort, { once: true });
    if (signal?.aborted) this.#abort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  readonly #abort = () => this.#controller.abort(this.#outer?.reason);

  clear(): void {
    clearTimeout(this.#timer);
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
