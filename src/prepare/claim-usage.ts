import { describeClaim } from '../claims/claim.ts';
import type { ClaimPod } from '../claims/claim-object.ts';
import type { PreparedClaim } from '../claims/prepared-claim.ts';
import { type Advice, adviseOnRequest } from './advice.ts';
import type { StatusCondition } from './claim-status.ts';
import type { DecidedContainer } from '../containers/container.ts';
import { nameCpus } from '../lib/count.ts';

/** A claim that no container has used yet. */
interface Waiting {
  readonly claim: PreparedClaim;
  /** Undefined after a restart of the driver, when only the claim's file tells of it. */
  pods: readonly ClaimPod[] | undefined;
  readonly sinceMs: number;
  /** What was found last. It only gets graver: containers of a pod come and go. */
  found: Finding | undefined;
}

type Finding = 'NoContainer' | 'ClaimNotUsed';

/** Images are pulled and init containers run before a claim's container; a pod of which only others run is looked at after this. */
const USED_WITHIN_MS = 60_000;

/**
 * A claim of which no container is seen at all is looked at after this. Its container may have crashed before the driver was
 * restarted, and the kubelet waits up to 300 s before it starts it again (1.37, MaxCrashLoopBackOff).
 */
const SEEN_WITHIN_MS = 360_000;

/**
 * Follows whether containers use claims as they are meant to, and tells the claims' statuses and the authors of pods when not: no
 * container names a claim, the claim was made for an extended resource under the name "cpu" (KEP-5004), for which the kubelet
 * passes no devices, or a container's request is unlike its claims.
 */
export class ClaimUsage {
  readonly #judgesRequests: boolean;
  readonly #waiting = new Map<string, Waiting>();
  /** What containers ask for that is unlike their claims, by the UID of the claim. */
  readonly #mismatches = new Map<string, string>();

  /** `judgesRequests` is false where the scheduler counts a claim and a request as one (KEP-5517). */
  constructor({ judgesRequests }: { readonly judgesRequests: boolean }) {
    this.#judgesRequests = judgesRequests;
  }

  /** A claim got its CPUs, for these pods; undefined when it got them from a driver before this one. */
  prepared(claim: PreparedClaim, pods: readonly ClaimPod[] | undefined, nowMs: number): void {
    const known = this.#waiting.get(claim.uid);
    if (known) known.pods ??= pods;
    else if (!claim.cpus.isEmpty) this.#waiting.set(claim.uid, { claim, pods, sinceMs: nowMs, found: undefined });
  }

  /** A claim gave them back. */
  unprepared(uid: string): void {
    this.#waiting.delete(uid);
    this.#mismatches.delete(uid);
  }

  /** Looks at all containers of the node; advice on claims that are found unused now, each once. */
  look(containers: readonly DecidedContainer[], nowMs: number): Advice[] {
    this.#lookAtRequests(containers);
    const running = new Set(containers.map(({ facts }) => facts.podUid));
    return [...this.#waiting.values()].flatMap((waiting) => this.#judge(waiting, running, nowMs) ?? []);
  }

  /** What is to be said of a claim in its status; nothing while all is well. */
  conditionsOf(uid: string): readonly StatusCondition[] {
    const conditions: StatusCondition[] = [];
    const waiting = this.#waiting.get(uid);
    if (waiting?.found) {
      const message = describeUnused(waiting.claim, waiting.found);
      conditions.push({ type: 'Unused', status: 'True', reason: waiting.found, message });
    }
    const mismatch = this.#mismatches.get(uid);
    if (mismatch !== undefined) {
      conditions.push({ type: 'Mismatched', status: 'True', reason: 'CPURequestMismatch', message: mismatch });
    }
    return conditions;
  }

  /**
   * A claim is used by the containers that run on its CPUs. Of a claim whose containers have all ended what was said stays: one
   * that crashes again and again would otherwise have its claim's status written each time.
   */
  #lookAtRequests(containers: readonly DecidedContainer[]): void {
    const messages = new Map<string, string[]>();
    for (const { facts, exclusive, sharesPool, claimUids } of containers) {
      if (!exclusive) continue;
      const advice = this.#judgesRequests
        ? adviseOnRequest({ facts, claimedCpus: exclusive.size, sharesPool })
        : undefined;
      for (const uid of claimUids) {
        this.#waiting.delete(uid);
        messages.set(uid, [...(messages.get(uid) ?? []), ...(advice ? [advice.message] : [])]);
      }
    }
    for (const [uid, texts] of messages) {
      if (texts.length > 0) this.#mismatches.set(uid, texts.join('; '));
      else this.#mismatches.delete(uid);
    }
  }

  #judge(waiting: Waiting, running: ReadonlySet<string>, nowMs: number): Advice | undefined {
    const { claim, pods, sinceMs, found } = waiting;
    const pod = pods?.find(({ uid }) => running.has(uid));
    const agedMs = nowMs - sinceMs;
    if (pod && agedMs >= USED_WITHIN_MS && found !== 'ClaimNotUsed') {
      waiting.found = 'ClaimNotUsed';
      const message = describeUnused(claim, waiting.found);
      const { namespace } = claim;
      return { regarding: { kind: 'Pod', namespace, ...pod }, reason: 'ClaimNotUsed', message };
    }
    if (agedMs < SEEN_WITHIN_MS || found) return undefined;
    waiting.found = 'NoContainer';
    // The kubelet says why a pod does not start; of a pod that is not known only the claim can be told about.
    if (pods) return undefined;
    const { namespace, name, uid } = claim;
    const message = describeUnused(claim, waiting.found);
    return { regarding: { kind: 'ResourceClaim', namespace, name, uid }, reason: 'ClaimNotUsed', message };
  }
}

function describeUnused(claim: PreparedClaim, found: Finding): string {
  const holds = `Claim ${describeClaim(claim)} holds ${nameCpus(claim.cpus)} and no container uses it: `;
  return found === 'ClaimNotUsed'
    ? `${holds}name it in the resources.claims of the container that is to have them`
    : `${holds}its pod does not start, or no container of it names the claim in its resources.claims`;
}
