import type { ClaimRecord } from './cdi-spec.ts';
import type { Assignment, PreparedClaim } from '../claims/ledger.ts';
import { parseCpuList } from '../cpuset/parse.ts';

/** What a prepared claim's file keeps. */
export function toRecord(claim: PreparedClaim): ClaimRecord {
  return {
    uid: claim.uid,
    cpus: claim.cpus.toString(),
    namespace: claim.namespace,
    name: claim.name,
    assignments: claim.assignments.map(({ shareId, cpus, ...assignment }) => ({
      ...assignment,
      cpus: cpus.toString(),
      ...(shareId === undefined ? {} : { shareId }),
    })),
    ...(claim.memoryNodes && { memoryNodes: claim.memoryNodes.toString() }),
    ...(claim.sharesPool && { sharedCPUs: true }),
  };
}

/** The claim again. A file of another driver, which names no claim, gives it the namespace "unknown" and its UID for a name. */
export function toPreparedClaim(record: ClaimRecord): PreparedClaim {
  const assignments = (record.assignments ?? []).map(
    (item): Assignment => ({ ...item, shareId: item.shareId, cpus: parseCpuList(item.cpus) }),
  );
  return {
    uid: record.uid,
    namespace: record.namespace ?? 'unknown',
    name: record.name ?? record.uid,
    assignments,
    cpus: parseCpuList(record.cpus),
    ...(record.memoryNodes !== undefined && { memoryNodes: parseCpuList(record.memoryNodes) }),
    ...(record.sharedCPUs && { sharesPool: true }),
  };
}
