import { readFileSync } from 'node:fs';
import type { Story } from '../story/story.ts';

/** Longest line that the driver may log, in characters. */
const LINE_LENGTH_MAX = 8_192;

/** Most that the driver may log over a story, in characters: hostile calls name thousands of claims. */
const LOG_LENGTH_MAX = 8 * 1024 * 1024;

/** Texts of failures inside the program, which no input may cause. */
const BROKEN = /TypeError|RangeError|ReferenceError|invariant|UnhandledPromiseRejection|Cannot read properties/;

/** Looks at what the driver logged. */
export function checkLog(story: Story): void {
  const text = readFileSync(story.world.logPath, 'utf8');
  if (text.length > LOG_LENGTH_MAX) story.report('I10', `the log has ${text.length} characters`);
  for (const line of text.split('\n')) {
    if (line.length > LINE_LENGTH_MAX)
      story.report('I10', `a line of the log has ${line.length} characters: ${line.slice(0, 160)}`);
    if (BROKEN.test(line)) story.report('I6', `the log tells of a failure inside the driver: ${line.slice(0, 300)}`);
  }
}
