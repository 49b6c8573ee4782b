/** A test reporter for people: failures whole, skips with their reason, one closing line. */
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

/** Yields the report text for a stream of node:test events. */
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const skipped: string[] = [];
  let passed = 0;
  let failed = 0;
  for await (const event of source) {
    if (event.type === 'test:diagnostic' || event.type === 'test:stdout') continue;
    if (event.type === 'test:stderr') yield event.data.message;
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    const { name, file, line, skip, todo, details } = event.data;
    const isSuite = details.type === 'suite';
    if (event.type === 'test:fail' && !todo) {
      const error = ('error' in details ? details.error : new Error('failed')) as Error & { failureType?: string };
      if (isSuite && error.failureType === 'subtestsFailed') continue;
      failed += 1;
      yield `\nFAIL ${name}\n  at ${file ?? ''}:${line ?? ''}\n${inspect(error.cause ?? error, { depth: 6 })}\n`;
    } else if (skip !== undefined) {
      skipped.push(`${name}: ${String(skip)}`);
    } else if (!isSuite) {
      passed += 1;
    }
  }
  for (const line of skipped) yield `skipped ${line}\n`;
  yield `${passed} passed, ${failed} failed, ${skipped.length} skipped\n`;
}
