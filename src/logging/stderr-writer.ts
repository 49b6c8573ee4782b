import { writeSync } from 'node:fs';

const STDERR_FD = 2;

/** How long a pipe that is full is waited for before the rest of a line is dropped, in milliseconds. */
const FULL_PIPE_WAIT_MS = 100;
const RETRY_INTERVAL_MS = 5;

/** Writes some bytes and returns how many, as writeSync of node:fs. */
type Write = (bytes: Uint8Array) => number;

/** Sleeps without letting anything else run. */
function block(waitMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, waitMs);
}

/**
 * Writes lines to standard error at once: the last line before the process ends is the one that matters most. A reader
 * that is slow costs 100 ms per line at most, and a standard error that is closed costs the lines, never a decision.
 */
export class StderrWriter {
  readonly #write: Write;

  constructor(write: Write = (bytes) => writeSync(STDERR_FD, bytes)) {
    this.#write = write;
  }

  write(line: string): void {
    let rest: Uint8Array = Buffer.from(line);
    for (let waitedMs = 0; rest.length > 0; ) {
      try {
        rest = rest.subarray(this.#write(rest));
      } catch (error) {
        // The reader is behind, and the pipe is one that does not block.
        const isFull = (error as NodeJS.ErrnoException).code === 'EAGAIN';
        if (!isFull || waitedMs >= FULL_PIPE_WAIT_MS) return;
        block(RETRY_INTERVAL_MS);
        waitedMs += RETRY_INTERVAL_MS;
      }
    }
  }
}
