import { AsyncLocalStorage } from 'node:async_hooks';
import { errorText, type Log } from '../lib/log.ts';
import type { CallContext } from '../ttrpc/server.ts';
import type { HookContext } from './handlers.ts';
import { NriError } from './nri-error.ts';

/** How one hook went. */
export interface HookReport {
  /** The event's name on the wire, for instance "CreateContainer". */
  readonly hook: string;
  /** From the request's last byte to the answer, in milliseconds. */
  readonly durationMs: number;
  /** `overdue` when the handler did not finish in time and the answer was given without it. */
  readonly outcome: 'answered' | 'failed' | 'overdue';
  /** What the handler threw. */
  readonly error?: unknown;
}

/** One call of a handler. */
export interface Hook<T> {
  readonly name: string;
  readonly call: CallContext;
  /** What is done when the handler is not finished in time: the request fails, or is answered as if there were none. */
  readonly whenOverdue: { readonly answer: T } | 'fail';
  /** Most milliseconds for the handler; less when the runtime waits less. */
  readonly timeoutMs: number;
  run(context: HookContext): T | Promise<T>;
}

/** Share of the runtime's own waiting time after which a hook is answered without its handler; then the runtime hangs up. */
const RUNTIME_TIMEOUT_SHARE = 0.9;

/** Runs handlers within their time and reports how each went. */
export class HookRunner {
  readonly #scope = new AsyncLocalStorage<{ answered: boolean }>();
  readonly #log: Log;
  readonly #onHook: ((report: HookReport) => void) | undefined;

  constructor(log: Log, onHook: ((report: HookReport) => void) | undefined) {
    this.#log = log;
    this.#onHook = onHook;
  }

  /** Whether the caller runs in a handler whose hook is not answered yet, however many awaits deep. */
  get isInsideHook(): boolean {
    return this.#scope.getStore()?.answered === false;
  }

  /**
   * Runs a handler; one that answers at once is answered at once.
   * @throws NriError `HookOverdue`, or whatever the handler throws.
   */
  run<T>(hook: Hook<T>): T | Promise<T> {
    const scope = { answered: false };
    const startMs = performance.now();
    const report = (outcome: HookReport['outcome'], error?: unknown) => {
      scope.answered = true;
      this.#report({
        hook: hook.name,
        durationMs: performance.now() - startMs,
        outcome,
        ...(error === undefined ? {} : { error }),
      });
    };
    const abort = new AbortController();
    try {
      const result = this.#scope.run(scope, () => hook.run({ signal: abort.signal }));
      if (result instanceof Promise) return this.#finish(hook, result, { abort, report });
      report('answered');
      return result;
    } catch (error) {
      report('failed', error);
      throw error;
    }
  }

  /** Waits for a handler, its time or the end of the call, whichever is first. */
  #finish<T>(
    hook: Hook<T>,
    result: Promise<T>,
    { abort, report }: { abort: AbortController; report: (outcome: HookReport['outcome'], error?: unknown) => void },
  ): Promise<T> {
    const { signal, timeoutMs: runtimeTimeoutMs = Number.POSITIVE_INFINITY } = hook.call;
    const timeoutMs = Math.min(hook.timeoutMs, runtimeTimeoutMs * RUNTIME_TIMEOUT_SHARE);
    return new Promise((resolve, reject) => {
      let settled = false;
      const settle = (outcome: HookReport['outcome'], error?: unknown) => {
        if (settled) return false;
        settled = true;
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        report(outcome, error);
        return true;
      };
      const expire = () => {
        const error = overdue(hook.name, timeoutMs);
        abort.abort(error);
        if (!settle('overdue', error)) return;
        if (hook.whenOverdue === 'fail') reject(error);
        else resolve(hook.whenOverdue.answer);
      };
      const end = () => {
        abort.abort(signal.reason);
        if (settle('failed', signal.reason)) reject(signal.reason as Error);
      };
      // A timer cannot hold what is not finite; then only the end of the call ends the waiting.
      const timer = Number.isFinite(timeoutMs) ? setTimeout(expire, timeoutMs) : undefined;
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
      result.then(
        (answer) => settle('answered') && resolve(answer),
        (error: unknown) => settle('failed', error) && reject(error),
      );
    });
  }

  #report(report: HookReport): void {
    if (report.outcome !== 'answered') {
      this.#log.warn('NRI hook not answered by its handler', {
        hook: report.hook,
        outcome: report.outcome,
        durationMs: Math.round(report.durationMs),
        reason: errorText(report.error),
      });
    }
    this.#onHook?.(report);
  }
}

function overdue(hook: string, timeoutMs: number): NriError {
  return new NriError(
    'HookOverdue',
    `Cannot answer ${hook}: its handler is not finished after ${Math.round(timeoutMs)} ms; the runtime would hang up soon`,
  );
}
