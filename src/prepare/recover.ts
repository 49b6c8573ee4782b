import type { ClaimRecord } from '../records/cdi-spec.ts';
import type { Ledger } from '../claims/ledger.ts';
import type { Log } from '../lib/log.ts';
import { toPreparedClaim } from '../records/claim-record.ts';

/** What the checkpoint directory held. */
export interface Checkpoint {
  readonly records: readonly ClaimRecord[];
  readonly damaged: readonly { uid: string; path: string; reason: string; movedTo: string | undefined }[];
}

/**
 * Replays the checkpoint into the ledger, before any peer can call. Nothing here is fatal: a damaged file is reported, and CPUs
 * that two files name go to nobody else.
 */
export function recoverClaims({ records, damaged }: Checkpoint, ledger: Ledger, log: Log): void {
  for (const { uid, path, reason, movedTo } of damaged) {
    log.error('spec file cannot be read', { uid, path, reason, movedTo });
  }
  for (const record of records) {
    const claim = toPreparedClaim(record);
    const overlap = ledger.adopt(claim);
    if (!overlap.isEmpty) log.error('two claims hold the same CPUs', { uid: claim.uid, cpus: overlap.toString() });
  }
  log.info('claims recovered', {
    recovered: records.length,
    damaged: damaged.length,
    cpus: ledger.taken.toString(),
  });
}
