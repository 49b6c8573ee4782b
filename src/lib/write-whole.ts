import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectory } from './make-directory.ts';

/** How a file is written. */
export interface WriteWholeOptions {
  /** Permission bits, as of chmod(2). */
  readonly mode: number;
  /** Whether its text is on the disk before it gets its name. */
  readonly isFlushed?: boolean;
}

/**
 * Writes a file whole or not at all: readers find the old text or the new. Its folder is made when it is missing.
 * @throws the system's error; no temporary file is left then.
 */
export async function writeWhole(path: string, text: string, { mode, isFlushed = false }: WriteWholeOptions) {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await makeDirectory(dirname(path));
    await writeFile(temporary, text, { mode, flush: isFlushed });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}
