import { INVARIANTS } from './judge/violation.ts';
import type { StoryResult } from './story/run-story.ts';

/** A story for readers: what did not hold, and what was done. */
export function describeResult({ seed, settings, violations, notes, durationMs }: StoryResult): string {
  const found = violations.map(({ invariant, what }) => `  ${invariant} (${INVARIANTS[invariant]}): ${what}`);
  const steps = notes.map(({ atMs, text }) => `  ${String(atMs).padStart(6)} ms  ${text}`);
  const head = `seed ${seed}: ${violations.length} violations in ${Math.round(durationMs)} ms (${settings})`;
  return [head, ...found, ...steps, `  again: SEED=${seed} make soak`, ''].join('\n');
}
