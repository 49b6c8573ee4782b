import { setTimeout as delay } from 'node:timers/promises';

/** How often a page is rendered at most, in milliseconds. */
export const RENDER_INTERVAL_MS = 1_000;

/** Time, for tests to replace. */
export interface RenderClock {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
}

const realClock: RenderClock = { now: () => performance.now(), sleep: (ms) => delay(ms) };

/**
 * Renders at most once per second, however many ask. A call while the second is not over waits for the next rendering, which all
 * calls of that second share: nothing that is returned is older than the call.
 */
export function limitRenders<T>(render: () => T | Promise<T>, clock: RenderClock = realClock): () => Promise<T> {
  let startedMs = -Infinity;
  let next: Promise<T> | undefined;
  const start = async () => {
    startedMs = clock.now();
    return render();
  };
  const waitAndStart = async (waitMs: number) => {
    await clock.sleep(waitMs);
    // Whoever calls from here on sees a later state than this rendering does.
    next = undefined;
    return start();
  };
  return () => {
    if (next) return next;
    const waitMs = startedMs + RENDER_INTERVAL_MS - clock.now();
    if (waitMs <= 0) return start();
    next = waitAndStart(waitMs);
    return next;
  };
}
