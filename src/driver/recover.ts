import type { ClaimRecord } from '../cdi/spec.ts';
import type { Assignment, Ledger, PreparedClaim } from '../claims/ledger.ts';
import { CpuListError, parseCpuList } from '../cpuset/parse.ts';
import type { Log } from '../lib/log.ts';

/** What the checkpoint directory held. */
export interface Checkpoint {
  readonly records: readonly ClaimRecord[];
  readonly damaged: readonly { uid: string; path: string; reason: string; movedTo: string | undefined }[];
}

/** What recovery found, for logs, metrics and the decision whether Prepare must wait for the runtime's view. */
export interface Recovery {
  readonly recovered: number;
  /** UIDs of claims whose CPUs are not known from the checkpoint. */
  readonly unknownUids: readonly string[];
}

function toPreparedClaim(record: ClaimRecord): PreparedClaim {
  const assignments = (record.assignments ?? []).map(
    (item): Assignment => ({ ...item, shareId: item.shareId, cpus: parseCpuList(item.cpus) }),
  );
  return {
    uid: record.uid,
    namespace: record.namespace ?? 'unknown',
    name: record.name ?? record.uid,
    assignments,
    cpus: parseCpuList(record.cpus),
  };
}

/**
 * Replays the checkpoint into the ledger, before any peer can call. Nothing here is fatal: a file that makes no sense is
 * reported, and CPUs that two files name go to nobody else.
 */
export function recoverClaims(checkpoint: Checkpoint, ledger: Ledger, log: Log): Recovery {
  const unknownUids = checkpoint.damaged.map(({ uid, path, reason, movedTo }) => {
    log.error('spec file cannot be read', { uid, path, reason, movedTo });
    return uid;
  });
  let recovered = 0;
  for (const record of checkpoint.records) {
    try {
      const claim = toPreparedClaim(record);
      const overlap = ledger.adopt(claim);
      if (!overlap.isEmpty) log.error('two claims hold the same CPUs', { uid: claim.uid, cpus: overlap.toString() });
      recovered += 1;
    } catch (error) {
      if (!(error instanceof CpuListError)) throw error;
      log.error('spec file cannot be read', { uid: record.uid, reason: error.message });
      unknownUids.push(record.uid);
    }
  }
  log.info('claims recovered', { recovered, damaged: unknownUids.length, cpus: ledger.taken.toString() });
  return { recovered, unknownUids };
}
