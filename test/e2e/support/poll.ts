import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { errorText } from '../../../src/lib/log.ts';

const INTERVAL_MS = 200;

/** How long a step of the cluster may take unless said otherwise: the kubelet retries some failures only after 90 s. */
export const STEP_MS = 120_000;

/**
 * Asks until the answer is neither undefined nor false, and gives that. Rejections count as no answer and are told when the
 * time is over.
 */
export async function poll<T>(what: string, ask: () => Promise<T | undefined | false>, limitMs = STEP_MS): Promise<T> {
  const endMs = performance.now() + limitMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > endMs) {
      assert.fail(
        `waited ${limitMs / 1000} s in vain: ${what}${last === undefined ? '' : `; last: ${errorText(last)}`}`,
      );
    }
    await delay(INTERVAL_MS);
  }
}
