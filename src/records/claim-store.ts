import { access, open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { PreparedClaim } from '../claims/prepared-claim.ts';
import { CodedError } from '../lib/coded-error.ts';
import { KeyedQueue } from '../lib/keyed-queue.ts';
import { errorText, type Log } from '../lib/log.ts';
import { readRegularFile } from '../lib/read-regular-file.ts';
import {
  type ClaimRecord,
  formatClaimRecord,
  parseClaimRecord,
  parseRecordFileName,
  recordFileName,
} from './claim-record.ts';
import type { DerivedFile } from './derive-files.ts';
import type { DerivedFiles } from './derived-files.ts';
import { hasCode, moveAside, readSignatureOrNone, removeFile, TEMPORARY_SUFFIX, temporaryPath } from './place-file.ts';
import { makeDirectory } from '../lib/make-directory.ts';

/** A longer record is not read. One of 8,192 CPUs in 64 requests has less. */
export const RECORD_LENGTH_MAX_BYTES = 4 << 20;

/** Why a claim's files cannot be written or removed: the folder was taken by another driver, or the system refuses. */
export type ClaimStoreErrorCode = 'DriverLeft' | 'NotRecorded';

/** A claim's files cannot be written or removed. */
export class ClaimStoreError extends CodedError<ClaimStoreErrorCode> {
  override readonly name = 'ClaimStoreError';
}

/** A file that is not the record or spec that its name says. */
export interface DamagedFile {
  readonly uid: string;
  readonly path: string;
  readonly reason: string;
  /** Where it is now; undefined when it could not be moved. */
  readonly movedTo: string | undefined;
}

/** What a store is made of. */
export interface ClaimStoreOptions {
  /** Folder of the records. Another driver that takes the node renames it, and every write here fails from then on. */
  readonly directory: string;
  readonly derived: DerivedFiles;
  /** Which files follow from a claim. */
  readonly derive: (claim: PreparedClaim) => readonly DerivedFile[];
  readonly log: Log;
}

/** Between two looks at the records, in milliseconds. */
const CHECK_INTERVAL_MS = 1_000;

/**
 * Owns all files of claims. The record is the only memory of a claim: written whole or not at all and flushed to the disk before
 * anything follows from it. Whoever works on a claim does so in `exclusively`.
 */
export class ClaimStore {
  readonly #options: ClaimStoreOptions;
  readonly #perClaim = new KeyedQueue();
  /** What was recorded of each claim, and the state of its file afterwards. */
  readonly #recorded = new Map<string, { readonly record: ClaimRecord; signature: string | undefined }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ClaimStoreOptions) {
    this.#options = options;
  }

  /** Watches the records from now on: one that is removed or changed by another program is written again. */
  start(): void {
    this.#timer ??= setInterval(() => void this.check(), CHECK_INTERVAL_MS).unref();
  }

  /** Watches no longer. May be called twice. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Looks at every record once, and writes again what is missing or changed. Never rejects. */
  async check(): Promise<void> {
    for (const [uid, { signature }] of this.#recorded) {
      if (readSignatureOrNone(this.#pathOf(uid)) !== signature)
        await this.exclusively(uid, () => this.#recordAgain(uid));
    }
  }

  /** Runs one task per claim at a time, in the order in which they came. */
  exclusively<T>(uid: string, task: () => Promise<T>): Promise<T> {
    return this.#perClaim.run(uid, task);
  }

  /**
   * Records a claim, then writes the files that follow from it.
   * @throws ClaimStoreError; a file may be there all the same.
   */
  async write(record: ClaimRecord): Promise<void> {
    await this.writeRecord(record);
    await this.restoreDerived(record.claim);
  }

  /** Records a claim whose other files stay as they are. @throws ClaimStoreError */
  async writeRecord(record: ClaimRecord): Promise<void> {
    const path = this.#pathOf(record.claim.uid);
    const temporary = temporaryPath(path);
    try {
      await this.#writeFlushed(temporary, formatClaimRecord(record));
      await rename(temporary, path);
      await this.#flushDirectory();
      this.#recorded.set(record.claim.uid, { record, signature: readSignatureOrNone(path) });
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw await this.#toError('write', path, error);
    }
  }

  /** Sees that all files of a claim are there and as they should be; a record that was never written is. @throws ClaimStoreError */
  async restore(record: ClaimRecord): Promise<void> {
    if (this.#recorded.get(record.claim.uid)?.record.claim !== record.claim) await this.writeRecord(record);
    await this.restoreDerived(record.claim);
  }

  /** Sees that the files that follow from a claim's record are there and as they should be. @throws ClaimStoreError */
  async restoreDerived(claim: PreparedClaim): Promise<void> {
    try {
      await this.#options.derived.put(claim.uid, this.#options.derive(claim));
    } catch (error) {
      throw await this.#toError('write', (error as NodeJS.ErrnoException).path ?? 'files of the claim', error);
    }
  }

  /** Removes a claim's files, its record last. None is not an error. @throws ClaimStoreError */
  async remove(uid: string): Promise<void> {
    const path = this.#pathOf(uid);
    try {
      // Files of a claim that another driver has by now are not removed.
      await access(this.#options.directory);
      await this.#options.derived.remove(uid);
      this.#recorded.delete(uid);
      await removeFile(path);
      await access(this.#options.directory);
    } catch (error) {
      throw await this.#toError('remove', (error as NodeJS.ErrnoException).path ?? path, error);
    }
  }

  /**
   * Reads every record; what is not one is moved aside and reported.
   * @throws ClaimStoreError when the folder can be neither read nor written.
   */
  async readAll(): Promise<{ records: ClaimRecord[]; damaged: DamagedFile[] }> {
    const { directory } = this.#options;
    const records: ClaimRecord[] = [];
    const damaged: DamagedFile[] = [];
    for (const fileName of await this.#list()) {
      const path = join(directory, fileName);
      if (fileName.endsWith(TEMPORARY_SUFFIX)) await unlink(path).catch(() => undefined);
      const uid = parseRecordFileName(fileName);
      if (uid === undefined) continue;
      try {
        const record = parseClaimRecord(await readRegularFile(path, RECORD_LENGTH_MAX_BYTES), uid);
        this.#recorded.set(uid, { record, signature: readSignatureOrNone(path) });
        records.push(record);
      } catch (error) {
        damaged.push({ uid, path, reason: errorText(error), movedTo: await moveAside(path) });
      }
    }
    return { records, damaged };
  }

  async #recordAgain(uid: string): Promise<void> {
    const recorded = this.#recorded.get(uid);
    const path = this.#pathOf(uid);
    if (!recorded || readSignatureOrNone(path) === recorded.signature) return;
    const { log } = this.#options;
    try {
      // What stands in the way, such as a directory, is not replaced by a rename.
      if (readSignatureOrNone(path) !== undefined) await moveAside(path);
      await this.writeRecord(recorded.record);
      log.warn('Restored the record of a claim that was missing or changed', { uid, path });
    } catch (error) {
      log.error('Failed to restore the record of a claim', { uid, path, reason: errorText(error) });
    }
  }

  async #list(): Promise<string[]> {
    const { directory } = this.#options;
    try {
      await makeDirectory(directory);
      return (await readdir(directory)).sort();
    } catch (error) {
      throw await this.#toError('read', directory, error);
    }
  }

  #pathOf(uid: string): string {
    return join(this.#options.directory, recordFileName(uid));
  }

  async #writeFlushed(path: string, text: string): Promise<void> {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  async #flushDirectory(): Promise<void> {
    const directory = await open(this.#options.directory, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  /** A folder that is gone was taken by another driver; everything else is the system's refusal. */
  async #toError(verb: string, path: string, error: unknown): Promise<ClaimStoreError> {
    const isGone = await access(this.#options.directory).then(
      () => false,
      (found: unknown) => hasCode(found, 'ENOENT', 'ENOTDIR'),
    );
    if (isGone) {
      return new ClaimStoreError('DriverLeft', 'another driver has taken over this node', { cause: error });
    }
    const { code } = error as NodeJS.ErrnoException;
    return new ClaimStoreError(
      'NotRecorded',
      `Cannot ${verb} ${path}: ${code ?? errorText(error)}; the driver needs to write there`,
      { cause: error },
    );
  }
}
