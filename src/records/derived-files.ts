import { type FSWatcher, watch } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KeyedQueue } from '../lib/keyed-queue.ts';
import { errorText, type Log } from '../lib/log.ts';
import { readRegularFile } from '../lib/read-regular-file.ts';
import { claimSpecFileName } from './cdi-spec.ts';
import type { DerivedFile, DerivedPlaces } from './derive-files.ts';
import { METADATA_FOLDER, metadataSpecPrefix } from './device-metadata.ts';
import { placeFile, readSignatureOrNone, removeFile } from './place-file.ts';
import { removeStrayMetadata } from './stray-metadata.ts';

/** Between two looks at all files, in milliseconds: with the time to write, each is back within 2 s. */
const CHECK_INTERVAL_MS = 1_000;
/** After a change of the CDI directory was reported, in milliseconds; several changes are one look. */
const WATCH_DELAY_MS = 50;
/** Files that are looked at before other events are served. */
const CHECKED_AT_ONCE = 64;

/** A file as it should be. */
interface WantedFile {
  readonly uid: string;
  readonly text: string;
  /** Of the state that was last seen to have this text; undefined when that is not known. */
  signature: string | undefined;
  /** Whether it was reported that it cannot be written. */
  isFailing: boolean;
}

/**
 * The files that follow from claims' records. None of them is needed to recover a claim, so that nothing is flushed; each is written
 * again soon when it is missing, different or not a regular file.
 */
export class DerivedFiles {
  readonly #places: DerivedPlaces;
  readonly #log: Log;
  readonly #wanted = new Map<string, WantedFile>();
  /** What other claims want at a path: a claim that was made again under its name has the same metadata file until one ends. */
  readonly #shadowed = new Map<string, WantedFile[]>();
  /** Paths of each claim's files, those included that a later claim of the same name has now. */
  readonly #paths = new Map<string, readonly string[]>();
  readonly #perPath = new KeyedQueue();
  #timer: NodeJS.Timeout | undefined;
  #watchTimer: NodeJS.Timeout | undefined;
  #watcher: FSWatcher | undefined;
  #checking: Promise<void> | undefined;

  constructor(places: DerivedPlaces, log: Log) {
    this.#places = places;
    this.#log = log;
  }

  /** Writes a claim's files where they are not as they should be. Rejects with the system's error. */
  async put(uid: string, files: readonly DerivedFile[]): Promise<void> {
    const before = this.#paths.get(uid) ?? [];
    this.#paths.set(
      uid,
      files.map(({ path }) => path),
    );
    for (const { path, text } of files) {
      const known = this.#wanted.get(path);
      if (known?.uid !== uid || known.text !== text) {
        if (known && known.uid !== uid) this.#shadow(path, known);
        this.#wanted.set(path, { uid, text, signature: undefined, isFailing: false });
      }
    }
    const dropped = before.filter((path) => !files.some((file) => file.path === path));
    const work = [...dropped.map((path) => this.#drop(uid, path)), ...files.map(({ path }) => this.#restore(path))];
    // The caller may clean up only when nothing is being written any more.
    const failed = (await Promise.allSettled(work)).find((one) => one.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /** Writes again what is missing or different of a claim's files. Rejects with the system's error. */
  async restore(uid: string): Promise<void> {
    await Promise.all((this.#paths.get(uid) ?? []).map((path) => this.#restore(path)));
  }

  /** Removes a claim's files; files of a later claim of the same name stay. Rejects with the system's error. */
  async remove(uid: string): Promise<void> {
    const paths = this.#paths.get(uid) ?? (await this.#findStray(uid));
    await Promise.all(paths.map((path) => this.#drop(uid, path)));
    this.#paths.delete(uid);
  }

  /** Removes metadata that an earlier driver left of claims which are not held any more. Never rejects. */
  async removeStrays(isHeld: (uid: string) => boolean): Promise<void> {
    await removeStrayMetadata(this.#places, (path, uid) => this.#wanted.has(path) || isHeld(uid), this.#log);
  }

  /** Watches the files from now on. */
  start(): void {
    this.#timer ??= setInterval(() => void this.check(), CHECK_INTERVAL_MS).unref();
  }

  /** Watches no longer, and waits for a look under way. May be called twice. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    clearTimeout(this.#watchTimer);
    this.#timer = undefined;
    this.#watcher?.close();
    this.#watcher = undefined;
    await this.#checking;
  }

  /** Looks at every file once. Never rejects: what cannot be written is reported once and tried again. */
  check(): Promise<void> {
    this.#watch();
    this.#checking ??= this.#checkAll().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #checkAll(): Promise<void> {
    let looked = 0;
    for (const [path, wanted] of this.#wanted) {
      looked += 1;
      if (looked % CHECKED_AT_ONCE === 0) await new Promise<void>((resolve) => void setImmediate(resolve));
      const signature = readSignatureOrNone(path);
      if (signature !== undefined && signature === wanted.signature) continue;
      try {
        await this.#restore(path);
      } catch (error) {
        if (!wanted.isFailing) {
          this.#log.error('Failed to restore a file of a claim', { path, uid: wanted.uid, reason: errorText(error) });
        }
        wanted.isFailing = true;
      }
    }
  }

  /** The directory may have been removed and made again: then the watch there was sees nothing. */
  #watch(): void {
    if (this.#timer === undefined || this.#watcher) return;
    try {
      const onChange = () => {
        this.#watchTimer ??= setTimeout(() => {
          this.#watchTimer = undefined;
          void this.check();
        }, WATCH_DELAY_MS).unref();
      };
      const watcher = watch(this.#places.cdiDirectory, { persistent: false }, onChange);
      const end = () => {
        watcher.close();
        if (this.#watcher === watcher) this.#watcher = undefined;
      };
      watcher.on('error', end);
      // inotify reports the removal of the directory itself as a rename of its own name.
      watcher.on('change', (event, name) => {
        if (event === 'rename' && !String(name).includes('.')) end();
      });
      this.#watcher = watcher;
    } catch {
      // The directory is missing; it is made when a file is written.
    }
  }

  /** Writes one file unless it is as it should be. */
  async #restore(path: string): Promise<void> {
    await this.#perPath.run(path, async () => {
      const wanted = this.#wanted.get(path);
      if (!wanted) return;
      const signature = readSignatureOrNone(path);
      if (signature !== undefined && signature === wanted.signature) return;
      const hadText = wanted.signature !== undefined;
      if ((await readText(path, wanted.text.length * 4)) === wanted.text) {
        wanted.signature = signature;
        return;
      }
      await placeFile(path, wanted.text, this.#rootOf(path));
      wanted.signature = readSignatureOrNone(path);
      wanted.isFailing = false;
      if (hadText) this.#log.warn('Restored a file of a claim that was missing or changed', { path, uid: wanted.uid });
    });
  }

  /** Removes one file of a claim unless it is another claim's by now. */
  async #drop(uid: string, path: string): Promise<void> {
    const shadowed = (this.#shadowed.get(path) ?? []).filter((other) => other.uid !== uid);
    const wanted = this.#wanted.get(path);
    const next = wanted && wanted.uid !== uid ? wanted : shadowed.pop();
    if (shadowed.length === 0) this.#shadowed.delete(path);
    else this.#shadowed.set(path, shadowed);
    if (next) {
      if (next === wanted) return;
      this.#wanted.set(path, { ...next, signature: undefined });
      return this.#restore(path);
    }
    this.#wanted.delete(path);
    await this.#perPath.run(path, async () => {
      if (this.#wanted.has(path)) return;
      await removeFile(path);
      await this.#removeFolders(path);
    });
  }

  #shadow(path: string, file: WantedFile): void {
    const others = (this.#shadowed.get(path) ?? []).filter(({ uid }) => uid !== file.uid);
    this.#shadowed.set(path, [...others, file]);
  }

  /** Removes the folders of a metadata file once they are empty. */
  async #removeFolders(path: string): Promise<void> {
    const root = join(this.#places.dataDirectory, METADATA_FOLDER);
    for (let folder = dirname(path); folder.startsWith(`${root}/`); folder = dirname(folder)) {
      await rmdir(folder).catch(() => undefined);
    }
  }

  #rootOf(path: string): string {
    const { dataDirectory } = this.#places;
    return path.startsWith(`${dataDirectory}/`) ? dataDirectory : dirname(path);
  }

  /** Files that an earlier driver left of a claim which has no record: by the claim's UID alone. */
  async #findStray(uid: string): Promise<string[]> {
    const { driverName, cdiDirectory } = this.#places;
    const prefix = metadataSpecPrefix(driverName, uid);
    const names = await readdir(cdiDirectory).catch((): string[] => []);
    const metadata = names.filter((name) => name.startsWith(prefix) && name.endsWith('.json'));
    return [claimSpecFileName(uid), ...metadata].map((name) => join(cdiDirectory, name));
  }
}

/** The text of a regular file; undefined when there is none, or a longer one. */
async function readText(path: string, lengthMaxBytes: number): Promise<string | undefined> {
  try {
    return await readRegularFile(path, lengthMaxBytes);
  } catch {
    return undefined;
  }
}
