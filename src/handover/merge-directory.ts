import { randomBytes } from 'node:crypto';
import { lstat, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../lib/log.ts';

/** Directories on their way into another one begin so. A merge that was interrupted is finished by the next driver. */
const MERGING_PREFIX = 'merging-';

/** Larger files are kept beside each other without a comparison; a record has a few KiB. */
const COMPARED_BYTES_MAX = 1024 * 1024;

/** Whether two entries are regular files with the same content. */
async function areEqualFiles(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([lstat(a), lstat(b)]);
  if (!first.isFile() || !second.isFile() || first.size !== second.size || first.size > COMPARED_BYTES_MAX)
    return false;
  const [left, right] = await Promise.all([readFile(a), readFile(b)]);
  return left.equals(right);
}

/** Whether a path exists, without following a link. */
async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Moves one entry; a different one of the same name stays, and the moved one gets a name that is not that of a record.
 */
async function moveEntry(from: string, to: string, log: Log): Promise<void> {
  if (!(await exists(to))) return rename(from, to);
  if (await areEqualFiles(from, to)) return rm(from);
  const kept = `${to}.older-${randomBytes(4).toString('hex')}`;
  await rename(from, kept);
  log.warn('Kept the older of two records beside the newer one', { record: to, older: kept });
}

/**
 * Moves `source`, a directory beside `directory`, into `directory`, where {@link finishMerges} takes its files out of
 * it. From then on a driver that still writes to `source` fails.
 * @throws the system's error, ENOENT when either of the two is gone.
 */
export async function beginMerge(source: string, directory: string): Promise<void> {
  await rename(source, join(directory, `${MERGING_PREFIX}${randomBytes(4).toString('hex')}`));
}

/** Names of the directories that are being merged into `directory`. */
async function listMerging(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && entry.name.startsWith(MERGING_PREFIX))
    .map(({ name }) => name);
}

/**
 * Moves the files of every directory that was merged into `directory` to where they belong. A record that `directory`
 * has already wins. No file is lost.
 * @throws the system's error, ENOENT when `directory` is gone.
 */
export async function finishMerges(directory: string, log: Log): Promise<void> {
  // A directory may itself bring one that its driver had not finished merging.
  for (let merging = await listMerging(directory); merging.length > 0; merging = await listMerging(directory)) {
    for (const source of merging.map((name) => join(directory, name))) {
      const names = await readdir(source);
      for (const name of names) await moveEntry(join(source, name), join(directory, name), log);
      await rmdir(source);
      if (names.length > 0)
        log.warn('Merged two directories of claim records', { into: directory, files: names.length });
    }
  }
}
