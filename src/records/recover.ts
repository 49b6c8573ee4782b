import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ledger } from '../claims/ledger.ts';
import { errorText, type Log } from '../lib/log.ts';
import { readRegularFile } from '../lib/read-regular-file.ts';
import { parseClaimSpec, parseSpecFileName, toPreparedClaim } from './cdi-spec.ts';
import type { ClaimRecord } from './claim-record.ts';
import { type ClaimStore, type DamagedFile, RECORD_LENGTH_MAX_BYTES } from './claim-store.ts';
import { moveAside, TEMPORARY_SUFFIX } from './place-file.ts';
import { isSafeName } from './safe-name.ts';
import { makeDirectory } from '../lib/make-directory.ts';

/** What a start needs to know of claims. */
export interface RecoveryOptions {
  readonly store: ClaimStore;
  readonly cdiDirectory: string;
  readonly ledger: Ledger;
  readonly log: Log;
}

/**
 * Reads the claims that were prepared before into the ledger, before any peer can call. Specs without a record, which the reference
 * driver and release 0.1.0 wrote, become records. A damaged file is reported; CPUs that two files name go to no other claim.
 * @returns how many files were damaged.
 * @throws ClaimStoreError when there is no place to keep claims; the system's error when the CDI directory cannot be had.
 */
export async function recoverClaims({ store, cdiDirectory, ledger, log }: RecoveryOptions): Promise<number> {
  const { records, damaged } = await store.readAll();
  for (const record of records) insert(record, ledger, log);
  const specs = await readSpecs(cdiDirectory, ledger);
  for (const record of specs.records) {
    insert(record, ledger, log);
    await store.writeRecord(record);
    log.info('Adopted a claim that another driver prepared', {
      uid: record.claim.uid,
      cpus: record.claim.cpus.toString(),
    });
  }
  const allDamaged = [...damaged, ...specs.damaged];
  for (const { uid, path, reason, movedTo } of allDamaged) {
    log.error('Moved a damaged file of a claim aside', { uid, path, reason, movedTo });
  }
  log.info('claims recovered', {
    recovered: records.length + specs.records.length,
    damaged: allDamaged.length,
    cpus: ledger.taken.toString(),
  });
  return allDamaged.length;
}

function insert({ claim, owner }: ClaimRecord, ledger: Ledger, log: Log): void {
  const overlap = ledger.adopt(claim, owner);
  if (!overlap.isEmpty) log.error('two claims hold the same CPUs', { uid: claim.uid, cpus: overlap.toString() });
}

/** The claims of specs that have no record. */
async function readSpecs(
  directory: string,
  ledger: Ledger,
): Promise<{ records: ClaimRecord[]; damaged: DamagedFile[] }> {
  const records: ClaimRecord[] = [];
  const damaged: DamagedFile[] = [];
  await makeDirectory(directory);
  for (const fileName of (await readdir(directory)).sort()) {
    const path = join(directory, fileName);
    if (isTemporary(fileName)) await unlink(path).catch(() => undefined);
    const uid = parseSpecFileName(fileName);
    // A spec that has a record is written again from it.
    if (uid === undefined || ledger.find(uid)) continue;
    try {
      records.push({ claim: readClaim(await readRegularFile(path, RECORD_LENGTH_MAX_BYTES), uid), owner: undefined });
    } catch (error) {
      damaged.push({ uid, path, reason: errorText(error), movedTo: await moveAside(path) });
    }
  }
  return { records, damaged };
}

function readClaim(text: string, uid: string) {
  const claim = toPreparedClaim(parseClaimSpec(text, uid));
  return [claim.namespace, claim.name].every(isSafeName)
    ? claim
    : toPreparedClaim({ uid, cpus: claim.cpus.toString() });
}

/** Files that this driver and its metadata begin with. */
function isTemporary(fileName: string): boolean {
  return fileName.endsWith(TEMPORARY_SUFFIX) && /^dra\.(k8s\.io-cpu_|cpu_metadata_)/.test(fileName);
}
