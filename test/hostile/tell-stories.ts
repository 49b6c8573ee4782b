import { availableParallelism } from 'node:os';
import { runStory, type StoryResult } from './story/run-story.ts';

/** How stories are told. */
export interface TellOptions {
  /** Stories at once; two per CPU by default, as they mostly wait. */
  readonly jobs?: number;
  readonly onResult?: (result: StoryResult) => void;
}

/** What came of many stories. */
export interface Totals {
  readonly stories: number;
  readonly violations: number;
  /** A line of figures. */
  readonly figures: string;
}

/** The value that `share` of a sorted list are not above. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Tells the stories of seeds, several at once. */
export async function tellStories(
  seeds: readonly number[],
  { jobs = availableParallelism() * 2, onResult = () => {} }: TellOptions = {},
): Promise<Totals> {
  const waiting = [...seeds];
  const hooks: number[] = [];
  let [violations, inputs] = [0, 0];
  const startMs = performance.now();
  const work = async () => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      const result = await runStory(seed);
      violations += result.violations.length;
      inputs += result.inputs;
      for (const { durationMs } of result.timings) hooks.push(durationMs);
      onResult(result);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  hooks.sort((a, b) => a - b);
  const seconds = Math.round((performance.now() - startMs) / 1_000);
  const figures =
    `${inputs} inputs and ${hooks.length} hooks in ${seconds} s; hooks p50 ${quantile(hooks, 0.5).toFixed(1)} ms, ` +
    `p99 ${quantile(hooks, 0.99).toFixed(1)} ms, at most ${(hooks.at(-1) ?? 0).toFixed(1)} ms`;
  return { stories: seeds.length, violations, figures };
}
