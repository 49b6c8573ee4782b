import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import { tryParseCpuList } from '../../../src/cpuset/parse.ts';
import { lookAt, namesIn, parseJson } from './files.ts';

/** A claim's record as it is on the disk: `<uid>.json` in the one folder of the driver whose name begins with `claims`. */
export interface DiskRecord {
  readonly uid: string;
  readonly cpus: CpuSet;
}

/** What is wrong with a record file, or the record. */
type RecordLook = DiskRecord | { readonly uid: string; readonly problem: string };

interface RecordDocument {
  readonly version?: unknown;
  readonly checksum?: unknown;
  readonly claim?: { readonly uid?: unknown; readonly cpus?: unknown };
}

/** Folders of records below the driver's directory; exactly one is right. */
export function recordFolders(pluginDirectory: string): string[] {
  return namesIn(pluginDirectory)
    .filter((name) => name.startsWith('claims'))
    .map((name) => join(pluginDirectory, name));
}

function readRecord(folder: string, uid: string): RecordLook {
  const look = lookAt(join(folder, `${uid}.json`));
  if (look.kind !== 'text') return { uid, problem: look.kind === 'missing' ? 'missing' : look.what };
  const { version, checksum, claim } = (parseJson(look.text) ?? {}) as RecordDocument;
  if (version !== 1) return { uid, problem: `version ${JSON.stringify(version)}` };
  const digest = createHash('sha256').update(JSON.stringify(claim)).digest('hex');
  if (checksum !== digest) return { uid, problem: 'the checksum is not that of the claim' };
  const cpus = tryParseCpuList(claim?.cpus);
  if (claim?.uid !== uid || cpus === undefined) return { uid, problem: 'it names another claim, or no CPUs' };
  return { uid, cpus };
}

/** The record of a claim; a text where there is none or it is damaged. */
export function findRecord(pluginDirectory: string, uid: string): DiskRecord | string {
  const [folder, ...others] = recordFolders(pluginDirectory);
  if (folder === undefined) return 'there is no folder of records';
  if (others.length > 0) return `there are ${others.length + 1} folders of records`;
  const look = readRecord(folder, uid);
  return 'problem' in look ? `its record is ${look.problem}` : look;
}

/** Every good record there is. */
export function readRecords(pluginDirectory: string): DiskRecord[] {
  return recordFolders(pluginDirectory).flatMap((folder) =>
    namesIn(folder)
      .filter((name) => name.endsWith('.json'))
      .flatMap((name) => {
        const look = readRecord(folder, name.slice(0, -'.json'.length));
        return 'problem' in look ? [] : [look];
      }),
  );
}

/** Pairs of records that have a CPU in common, in words. */
export function findOverlaps(records: readonly DiskRecord[]): string[] {
  return records.flatMap((a, index) =>
    records
      .slice(index + 1)
      .filter((b) => a.cpus.intersects(b.cpus))
      .map((b) => `records ${a.uid} (${a.cpus}) and ${b.uid} (${b.cpus}) share CPUs`),
  );
}
