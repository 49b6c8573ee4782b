import { ByteCollector } from './byte-collector.ts';
import type { ByteBudget } from './byte-budget.ts';

/** How much an answer may take. */
export interface AnswerLimits {
  /** Of this answer. */
  readonly bytesMax: number;
  /** Of all answers that are read at the same time. */
  readonly budget: ByteBudget;
}

/**
 * Reads a whole answer as text.
 * @throws RangeError when it, or all that arrive together, are longer than they may be.
 */
export async function readAnswer(chunks: AsyncIterable<Uint8Array>, limits: AnswerLimits): Promise<string> {
  const { bytesMax, budget } = limits;
  const collector = new ByteCollector(bytesMax);
  let takenBytes = 0;
  try {
    for await (const chunk of chunks) {
      budget.take(chunk.length);
      takenBytes += chunk.length;
      collector.add(chunk);
    }
    return collector.takeText();
  } finally {
    budget.give(takenBytes);
  }
}
