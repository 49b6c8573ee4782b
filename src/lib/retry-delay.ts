/** How the waiting between attempts grows. */
export interface RetryPolicy {
  /** After the first failure, in milliseconds; doubles with each further one. */
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * Milliseconds to wait after failure number `failures` (from 1): doubling up to a maximum, of which a random half is taken
 * off, so that those who failed together do not come back together. `random` is in [0, 1).
 */
export function retryDelayMs(policy: RetryPolicy, failures: number, random: () => number = Math.random): number {
  const fullMs = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(failures - 1, 30));
  return fullMs * (1 - random() / 2);
}
