import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../lib/coded-error.ts';
import { errorText, type Log, silentLog } from '../lib/log.ts';
import { compareGenerations, isClaimsName, nextGeneration } from './generation.ts';
import { beginMerge, finishMerges } from './merge-directory.ts';
import { type ClaimsState, ClaimsWatch } from './watch-claims.ts';
import { makeDirectory } from '../lib/make-directory.ts';

/** As the directories of the driver's sockets: the driver runs as root, and no other program reads here. */
const DIRECTORY_MODE = 0o750;

/**
 * Each failed attempt means that another driver took the directory meanwhile; more drivers than this do not start at
 * once.
 */
const ATTEMPTS_MAX = 100;

/**
 * What rename(2) returns when another driver has the directory: it is gone, or already part of the one that it was to
 * be merged into.
 */
const MERGED_AWAY_CODES = ['ENOENT', 'EINVAL'];

/** Why the directory of claim records cannot be taken. */
export type ClaimsDirectoryErrorCode = 'CannotTakeClaimsDirectory';

/** There is no place to keep the records of claims. */
export class ClaimsDirectoryError extends CodedError<ClaimsDirectoryErrorCode> {
  override readonly name = 'ClaimsDirectoryError';
}

/** The directory of claim records, as long as this process holds the node. */
export interface ClaimsDirectory {
  /**
   * Writing and removing below this path fails with ENOENT as soon as another driver has taken the directory. The
   * kernel looks a path up before it locks the directory, so a change counts only when the directory can be opened by
   * this path afterwards, as to fsync it.
   */
  readonly path: string;
  /** Whether no other driver has taken the directory. @throws the system's error when that cannot be seen. */
  isOurs(): Promise<boolean>;
  /**
   * Calls `onLost` once when another driver takes the directory, within 1 s. When the directory is removed and no
   * driver took it, it is created again, empty, and `onRecreated` is called: every record is to be written again.
   * Without `onRecreated` a directory that was removed counts as lost.
   * @returns what stops the watch
   */
  watch(onLost: () => void, onRecreated?: () => void): () => void;
}

/** Runs a step; undefined when what it works on is gone, such as renamed by another driver. */
async function unlessGone<T>(step: () => Promise<T>, codes = ['ENOENT']): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    if (codes.includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** Whether a path is a directory, without following a link. */
async function isDirectory(path: string): Promise<boolean> {
  return (await unlessGone(() => lstat(path), ['ENOENT', 'ENOTDIR']))?.isDirectory() ?? false;
}

/** Names of the claims directories, the latest first. A file or a link with such a name is moved aside. */
async function listDirectories(parent: string, log: Log): Promise<string[]> {
  const entries = (await readdir(parent, { withFileTypes: true })).filter(({ name }) => isClaimsName(name));
  for (const { name } of entries.filter((entry) => !entry.isDirectory())) {
    const aside = join(parent, `refused-${name}-${randomBytes(4).toString('hex')}`);
    await rename(join(parent, name), aside);
    log.warn('Moved a file aside that had the name of a claims directory', { file: aside });
  }
  const directories = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return directories.sort(compareGenerations);
}

/** Gives the latest directory a new name, or creates the first one. @throws ENOENT when another driver was faster. */
async function renameLatest(parent: string, log: Log): Promise<string> {
  const [latest] = await listDirectories(parent, log);
  const name = nextGeneration(latest);
  if (latest === undefined) await mkdir(join(parent, name), { mode: DIRECTORY_MODE });
  else await rename(join(parent, latest), join(parent, name));
  return name;
}

/**
 * Merges all other directories into `own`. When two drivers merge each other's, the kernel lets one of the two renames
 * happen and the other one fail, so that one directory stays.
 * @throws ENOENT or EINVAL when another driver was faster.
 */
async function mergeOthers(parent: string, own: string, log: Log): Promise<void> {
  const others = (await listDirectories(parent, log)).filter((name) => name !== own);
  await finishMerges(join(parent, own), log);
  for (const name of others) {
    await beginMerge(join(parent, name), join(parent, own));
    await finishMerges(join(parent, own), log);
  }
}

/** Takes the directory, and returns its new name; undefined when another driver was faster each time. */
async function takeName(parent: string, log: Log): Promise<string | undefined> {
  let own: string | undefined;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    await makeDirectory(parent, { mode: DIRECTORY_MODE });
    own ??= await unlessGone(() => renameLatest(parent, log));
    if (own === undefined) continue;
    const name = own;
    const isMerged = await unlessGone(async () => {
      await mergeOthers(parent, name, log);
      return true;
    }, MERGED_AWAY_CODES);
    // Either a directory to be merged has gone, and the rest is looked at again, or this one has: another driver took
    // it.
    if (isMerged || !(await isDirectory(join(parent, name)))) return name;
  }
  return undefined;
}

/** The directory under the name that this process gave it. */
class OwnDirectory implements ClaimsDirectory {
  readonly path: string;
  readonly #parent: string;
  readonly #log: Log;

  constructor(parent: string, name: string, log: Log) {
    this.path = join(parent, name);
    this.#parent = parent;
    this.#log = log;
  }

  isOurs(): Promise<boolean> {
    return isDirectory(this.path);
  }

  watch(onLost: () => void, onRecreated?: () => void): () => void {
    const watch = new ClaimsWatch(this.path, {
      check: () => this.#check({ isRecreated: onRecreated !== undefined }),
      onLost,
      onRecreated: () => onRecreated?.(),
      log: this.#log,
    });
    return () => watch.stop();
  }

  async #check({ isRecreated }: { readonly isRecreated: boolean }): Promise<ClaimsState> {
    if (await this.isOurs()) return 'held';
    if (!isRecreated || (await this.#hasOthers())) return 'lost';
    await makeDirectory(this.path, { mode: DIRECTORY_MODE });
    if (!(await this.#hasOthers())) return 'recreated';
    await unlessGone(() => rmdir(this.path));
    return 'lost';
  }

  /** Whether there is a directory of another driver. */
  async #hasOthers(): Promise<boolean> {
    const names = (await unlessGone(() => listDirectories(this.#parent, this.#log))) ?? [];
    return names.some((name) => join(this.#parent, name) !== this.path);
  }
}

/**
 * Takes the directory of claim records below `parent` from the driver that had it: the file system then refuses that
 * driver's writes, because the directory has another name. Records of several directories, as a restored copy leaves
 * them, are merged into one. When two drivers take the directory at the same moment, one of them holds it and the other
 * one's `isOurs()` is false from the start.
 * @throws ClaimsDirectoryError when the directory can be neither found nor created.
 */
export async function takeClaimsDirectory(parent: string, log: Log = silentLog): Promise<ClaimsDirectory> {
  const action = `Cannot take the directory of claim records in ${JSON.stringify(parent)}`;
  const fail = (message: string, options?: ErrorOptions) =>
    new ClaimsDirectoryError('CannotTakeClaimsDirectory', `${action}: ${message}`, options);
  const name = await takeName(parent, log).catch((error: unknown) => {
    throw fail(`${errorText(error)}. Check --kubelet-root-dir and its permissions.`, { cause: error });
  });
  if (name === undefined)
    throw fail(`other drivers took it ${ATTEMPTS_MAX} times meanwhile. Run one CPU driver per node.`);
  return new OwnDirectory(parent, name, log);
}
