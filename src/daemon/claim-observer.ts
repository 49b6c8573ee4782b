import type { EventRecorder } from '../apiserver/events/event-recorder.ts';
import { type ClaimReference, describeClaim } from '../claims/claim.ts';
import type { ClaimPod } from '../claims/claim-object.ts';
import { claimErrorCodes } from '../claims/claim-error.ts';
import type { PreparedClaim } from '../claims/prepared-claim.ts';
import type { ClaimEvent } from '../prepare/claim-events.ts';
import { errorText, type Log } from '../lib/log.ts';
import type { Metrics } from '../metrics/metrics.ts';

/** Stands for the code of an error that was not expected. */
const INTERNAL = 'Internal';

/** Every reason for which a claim or a container can be expected to be refused. */
export const REFUSAL_REASONS: readonly string[] = [...claimErrorCodes, INTERNAL];

/** The code of an expected error, for counters and events. */
export function errorCode(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : INTERNAL;
}

/** One log line a decision. */
function logClaim(event: ClaimEvent, log: Log): void {
  switch (event.kind) {
    case 'prepared': {
      const { uid, cpus, memoryNodes, sharesPool } = event.claim;
      const memory = memoryNodes && { memoryNodes: memoryNodes.toString() };
      const shared = sharesPool && { sharedCPUs: true };
      const fields = { claim: describeClaim(event.claim), uid, cpus: cpus.toString(), ...memory, ...shared };
      if (event.isNew) log.info('claim prepared', { ...fields, durationMs: Math.round(event.durationMs) });
      else log.debug('claim prepared before', fields);
      return;
    }
    case 'unprepared': {
      const { reference, released } = event;
      const fields = { claim: describeClaim(reference), uid: reference.uid };
      if (released) log.info('claim unprepared', { ...fields, cpus: released.cpus.toString() });
      else log.debug('claim unprepared that was not prepared', fields);
      return;
    }
    case 'prepare-failed':
    case 'unprepare-failed': {
      const { reference, error } = event;
      const message = event.kind === 'prepare-failed' ? 'claim not prepared' : 'claim not unprepared';
      log.error(message, { claim: describeClaim(reference), uid: reference.uid, reason: errorText(error) });
    }
  }
}

function countClaim(event: ClaimEvent, metrics: Metrics): void {
  switch (event.kind) {
    case 'prepared':
      metrics.recordPrepare('success', event.durationMs);
      if (event.isNew) metrics.recordClaimCpus(event.claim.cpus.size);
      return;
    case 'prepare-failed':
      metrics.recordPrepare('error', event.durationMs);
      metrics.recordRefusal('prepare', errorCode(event.error));
      return;
    case 'unprepared':
    case 'unprepare-failed':
      metrics.recordUnprepare(event.kind === 'unprepared' ? 'success' : 'error');
  }
}

/** Where claims' fates are made visible in the cluster. */
export interface ClaimReporter {
  readonly prepared: (claim: PreparedClaim, pods: readonly ClaimPod[]) => void;
  readonly unprepared: (reference: ClaimReference) => void;
  readonly recordEvent: EventRecorder['record'];
}

/** Says on claim and pods why a claim was refused, and on the claim which CPUs it has. */
function reportClaim(event: ClaimEvent, { prepared, unprepared, recordEvent }: ClaimReporter): void {
  switch (event.kind) {
    case 'prepared':
      return prepared(event.claim, event.pods);
    case 'unprepared':
      return unprepared(event.reference);
    case 'unprepare-failed':
      return;
    case 'prepare-failed': {
      const { reference, pods, error } = event;
      const { namespace } = reference;
      const what = { type: 'Warning', reason: errorCode(error), message: errorText(error) } as const;
      recordEvent({ regarding: { kind: 'ResourceClaim', ...reference }, ...what });
      for (const pod of pods) recordEvent({ regarding: { kind: 'Pod', namespace, ...pod }, ...what });
    }
  }
}

/** Tells log, metrics and cluster what became of each claim. */
export function createClaimObserver(log: Log, metrics: Metrics, reporter: ClaimReporter): (event: ClaimEvent) => void {
  return (event) => {
    logClaim(event, log);
    countClaim(event, metrics);
    reportClaim(event, reporter);
  };
}
