import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { asObject } from '../lib/json.ts';
import { errorText, type Log } from '../lib/log.ts';
import { readRegularFile } from '../lib/read-regular-file.ts';
import type { DerivedPlaces } from './derive-files.ts';
import { METADATA_FILE, METADATA_FOLDER, parseMetadataSpecFileName } from './device-metadata.ts';
import { removeFile } from './place-file.ts';

/** A longer file was not written by this driver. */
const METADATA_LENGTH_MAX_BYTES = 1 << 20;

/**
 * Removes metadata files and their CDI specs of claims that are gone. No link is followed, and a file that does not say whose it is
 * stays. Never rejects.
 * @param isKept whether a file is still wanted, or may be: its claim is held.
 */
export async function removeStrayMetadata(
  places: DerivedPlaces,
  isKept: (path: string, uid: string) => boolean,
  log: Log,
): Promise<void> {
  const files = [...(await listSpecs(places)), ...(await listMetadata(places.dataDirectory))];
  for (const { path, uid, folders } of files) {
    if (isKept(path, uid)) continue;
    try {
      await removeFile(path);
      for (const folder of folders) await rmdir(folder).catch(() => undefined);
    } catch (error) {
      log.warn('Failed to remove a file of a claim that is gone', { path, reason: errorText(error) });
    }
  }
}

interface StrayFile {
  readonly path: string;
  readonly uid: string;
  /** Folders to remove once they are empty, the innermost first. */
  readonly folders: readonly string[];
}

async function listSpecs({ driverName, cdiDirectory }: DerivedPlaces): Promise<StrayFile[]> {
  const names = await readdir(cdiDirectory).catch((): string[] => []);
  return names.flatMap((name) => {
    const uid = parseMetadataSpecFileName(driverName, name);
    return uid === undefined ? [] : [{ path: join(cdiDirectory, name), uid, folders: [] }];
  });
}

async function listMetadata(dataDirectory: string): Promise<StrayFile[]> {
  const root = join(dataDirectory, METADATA_FOLDER);
  const files: StrayFile[] = [];
  for (const claim of await listFolders(root)) {
    for (const request of await listFolders(claim)) {
      const path = join(request, METADATA_FILE);
      const uid = await readUid(path);
      if (uid !== undefined) files.push({ path, uid, folders: [request, claim] });
    }
  }
  return files;
}

async function listFolders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.flatMap((entry) => (entry.isDirectory() ? [join(path, entry.name)] : []));
}

/** The claim that a metadata file is of; files of release 0.1.0 hold one document per line. */
async function readUid(path: string): Promise<string | undefined> {
  try {
    const [line = ''] = (await readRegularFile(path, METADATA_LENGTH_MAX_BYTES)).split('\n', 1);
    const { uid } = asObject(asObject(JSON.parse(line)).metadata);
    return typeof uid === 'string' ? uid : undefined;
  } catch {
    return undefined;
  }
}
