import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/**
 * Makes a directory and those above it that are missing; one that is there stays as it is. Node's own `recursive` tries for ever where
 * a file system takes no directories although the one above is there (/proc; nodejs, 24.21).
 * @param mode permission bits of the ones that are made, as of chmod(2).
 * @throws the system's error.
 */
export async function makeDirectory(path: string, { mode = 0o777 }: { readonly mode?: number } = {}): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await isDirectory(path))) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || parent === path) throw error;
    await makeDirectory(parent, { mode });
    await makeLast(path, mode);
  }
}

/** The directory above is there now: a second refusal is one of the file system. Another program may have made this one meanwhile. */
async function makeLast(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !(await isDirectory(path))) throw error;
  }
}
