import { setTimeout as delay } from 'node:timers/promises';

const DEADLINE_MS = 5_000;
const INTERVAL_MS = 5;

/** Polls until `read` gives a value that is neither undefined nor false, and gives that; rejects after five seconds. */
export async function eventually<T>(
  what: string,
  read: () => T | undefined | false | Promise<T | undefined | false>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    const value = await read();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > endMs) throw new Error(`Timed out after ${deadlineMs} ms: ${what}`);
    await delay(INTERVAL_MS);
  }
}
