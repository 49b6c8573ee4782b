import { randomBytes } from 'node:crypto';
import { access, constants, mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type ClaimRecord, claimSpecFileName, formatClaimSpec, parseClaimSpec, parseSpecFileName } from './cdi-spec.ts';

/** Ending of files being written; the runtime reads only .json and .yaml. */
const TEMPORARY_SUFFIX = '.dracpu-tmp';
/** Ending of files set aside because they cannot be read. */
const DAMAGED_SUFFIX = '.dracpu-damaged';

/** A spec file of ours that could not be read. */
export interface DamagedSpec {
  readonly uid: string;
  readonly path: string;
  readonly reason: string;
  /** Where it stands now; undefined when it could not be moved. */
  readonly movedTo: string | undefined;
}

/** A failure of the directory itself: no permission, no space, read-only. */
export class SpecDirectoryError extends Error {
  override readonly name = 'SpecDirectoryError';

  readonly code: string;

  constructor(action: string, path: string, cause: NodeJS.ErrnoException) {
    super(`Cannot ${action} ${path}: ${cause.code ?? cause.message}; the driver needs to write there (--cdi-dir)`, {
      cause,
    });
    this.code = cause.code ?? 'Unknown';
  }
}

/** Whether an error is the operating system's `code`. */
function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}

/** Whether there is surely no file of this name. */
async function isMissing(path: string): Promise<boolean> {
  try {
    await access(path);
    return false;
  } catch (error) {
    return hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR');
  }
}

/**
 * The directory of CDI spec files, the driver's checkpoint: one file a claim, each written whole or not at all. Files of
 * other vendors are never touched.
 */
export class SpecDirectory {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Writes a claim's file durably: temporary file, fsync, rename, fsync of the directory, which is made anew when it is gone.
   * @throws SpecDirectoryError; the old file, if any, is then still there, or the new one when only the directory could not be synced.
   */
  async write(record: ClaimRecord): Promise<void> {
    const path = join(this.#directory, claimSpecFileName(record.uid));
    const temporary = `${path}.${randomBytes(4).toString('hex')}${TEMPORARY_SUFFIX}`;
    try {
      await mkdir(this.#directory, { recursive: true });
      await this.#writeSynced(temporary, formatClaimSpec(record));
      await rename(temporary, path);
      await this.#sync();
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw new SpecDirectoryError('write the CDI spec', path, error as NodeJS.ErrnoException);
    }
  }

  /** Removes a claim's file; one that is not there is no error. */
  async remove(uid: string): Promise<void> {
    const path = join(this.#directory, claimSpecFileName(uid));
    try {
      await unlink(path);
      await this.#sync();
    } catch (error) {
      const isUnlink = (error as NodeJS.ErrnoException).syscall === 'unlink';
      // Where nothing can be removed, as on a read-only file system, there may be nothing to remove.
      if (hasCode(error, 'ENOENT') || (isUnlink && (await isMissing(path)))) return;
      throw new SpecDirectoryError('remove the CDI spec', path, error as NodeJS.ErrnoException);
    }
  }

  /**
   * Makes the directory if need be and reads every file of ours; damaged ones are moved aside and reported.
   * @throws SpecDirectoryError when files can be neither read nor written there.
   */
  async readAll(): Promise<{ records: ClaimRecord[]; damaged: DamagedSpec[] }> {
    const fileNames = await this.#list();
    const records: ClaimRecord[] = [];
    const damaged: DamagedSpec[] = [];
    for (const fileName of fileNames.sort()) {
      const path = join(this.#directory, fileName);
      if (fileName.startsWith('dra.k8s.io-cpu_') && fileName.endsWith(TEMPORARY_SUFFIX))
        await unlink(path).catch(() => undefined);
      const uid = parseSpecFileName(fileName);
      if (uid === undefined) continue;
      try {
        records.push(parseClaimSpec(await readFile(path, 'utf8'), uid));
      } catch (error) {
        damaged.push({ uid, path, ...(await this.#setAside(path, error)) });
      }
    }
    return { records, damaged };
  }

  async #list(): Promise<string[]> {
    try {
      await mkdir(this.#directory, { recursive: true });
      await access(this.#directory, constants.W_OK);
      return await readdir(this.#directory);
    } catch (error) {
      throw new SpecDirectoryError('read the CDI spec directory', this.#directory, error as NodeJS.ErrnoException);
    }
  }

  /** Moves a damaged file out of the runtime's sight. */
  async #setAside(path: string, error: unknown): Promise<Pick<DamagedSpec, 'reason' | 'movedTo'>> {
    const reason = error instanceof Error ? error.message : String(error);
    const movedTo = `${path}.${Date.now()}${DAMAGED_SUFFIX}`;
    try {
      await rename(path, movedTo);
      return { reason, movedTo };
    } catch {
      return { reason, movedTo: undefined };
    }
  }

  async #writeSynced(path: string, text: string): Promise<void> {
    const file = await open(path, 'wx', 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #sync(): Promise<void> {
    const directory = await open(this.#directory, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}
