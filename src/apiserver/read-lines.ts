import { ByteCollector } from './byte-collector.ts';

/** How lines are read. */
export interface ReadLinesOptions {
  /** Of one line. */
  readonly bytesMax: number;
  /** Called with true when the beginning of a line has arrived and with false when its end has. */
  readonly onPartial?: (isPartial: boolean) => void;
}

const NEWLINE = 0x0a;

/**
 * The lines of an answer as they arrive, without their ends; what follows the last newline is no line.
 * @throws RangeError when one is longer than it may be.
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  { bytesMax, onPartial = () => {} }: ReadLinesOptions,
): AsyncGenerator<string, void, undefined> {
  const pending = new ByteCollector(bytesMax);
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      pending.add(chunk.subarray(start, end));
      start = end + 1;
      onPartial(false);
      const line = pending.takeText();
      if (line !== '') yield line;
    }
    pending.add(chunk.subarray(start));
    if (pending.length > 0) onPartial(true);
  }
}
