import { randomBytes } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { lstat, mkdir, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectory } from '../lib/make-directory.ts';

/** Ending of files being written; the runtime reads only .json and .yaml. */
export const TEMPORARY_SUFFIX = '.dracpu-tmp';
/** Ending of what was moved aside because it is not what it should be. */
const DAMAGED_SUFFIX = '.dracpu-damaged';

/** Whether an error is the operating system's `code`. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

/** A name beside `path` that no other file has. */
export function temporaryPath(path: string): string {
  return `${path}.${randomBytes(4).toString('hex')}${TEMPORARY_SUFFIX}`;
}

/** Moves what has a name of ours out of the way. @returns where it is now; undefined when it could not be moved. */
export async function moveAside(path: string): Promise<string | undefined> {
  const movedTo = `${path}.${Date.now()}${randomBytes(2).toString('hex')}${DAMAGED_SUFFIX}`;
  try {
    await rename(path, movedTo);
    return movedTo;
  } catch {
    return undefined;
  }
}

/**
 * Makes a folder and those above it up to `root`, which exists or is made. What is there instead of one of them, such as a symbolic
 * link, is moved aside: no file is written through it.
 */
async function makeFolder(path: string, root: string): Promise<void> {
  if (path === root || !path.startsWith(`${root}/`)) {
    await makeDirectory(path);
    return;
  }
  const isFolder = await lstat(path).then(
    (stat) => stat.isDirectory(),
    () => undefined,
  );
  if (isFolder) return;
  await makeFolder(dirname(path), root);
  if (isFolder === false) await moveAside(path);
  await mkdir(path).catch((error: unknown) => {
    if (!hasCode(error, 'EEXIST')) throw error;
  });
}

/**
 * Writes a file whole or not at all, without a flush to the disk. A link or a FIFO of its name is replaced, a folder moved aside.
 * @param root the folder below which every part of the path must be a real folder.
 * @throws the system's error; no temporary file is left then.
 */
export async function placeFile(path: string, text: string, root: string): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    await makeFolder(dirname(path), root);
    await writeFile(temporary, text, { mode: 0o644, flag: 'wx' });
    await rename(temporary, path).catch(async (error: unknown) => {
      if (!hasCode(error, 'EISDIR', 'ENOTEMPTY', 'EEXIST')) throw error;
      await moveAside(path);
      await rename(temporary, path);
    });
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Removes a file; none is not an error. A folder of its name is moved aside. @throws the system's error. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return;
    if (hasCode(error, 'EISDIR', 'EPERM') && (await moveAside(path)) !== undefined) return;
    // Where nothing can be removed, as on a read-only file system, there may be nothing to remove.
    const isMissing = await lstat(path).then(
      () => false,
      (found: unknown) => hasCode(found, 'ENOENT', 'ENOTDIR'),
    );
    if (!isMissing) throw error;
  }
}

/** What identifies one state of a file without reading it; undefined when there is none, or none that can be looked at. */
export function readSignatureOrNone(path: string): string | undefined {
  try {
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stat && [stat.dev, stat.ino, stat.mode, stat.size, stat.mtimeNs, stat.ctimeNs].join(' ');
  } catch {
    return undefined;
  }
}
