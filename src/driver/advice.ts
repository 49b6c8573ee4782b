import { describeClaim } from '../claims/claim.ts';
import type { PreparedClaim } from '../claims/ledger.ts';
import type { ContainerFacts } from './container.ts';

/** Something that runs, but hardly as its author means it; told as an event of the pod. */
export interface Advice {
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly reason: 'CPURequestMismatch' | 'ClaimNotUsed';
  readonly message: string;
}

/** A container with claims, as it was created. */
export interface ClaimedContainer {
  readonly facts: ContainerFacts;
  /** How many CPUs its claims give it. */
  readonly claimedCpus: number;
  /** Whether it runs on the shared CPUs besides, of which it may ask for a part. */
  readonly sharesPool: boolean;
  /** Its `resources.requests.cpu` in thousandths; undefined when it has none. */
  readonly requestedMillis: number | undefined;
}

const MILLIS_PER_CPU = 1_000;
/** The kernel's shares are 1024 a CPU, so that a request comes back rounded. */
const ROUNDING_MILLIS = 2;

/**
 * Whether a container asks for as many CPUs as its claims give. The scheduler counts the two apart (until KEP-5517): unlike
 * numbers promise CPUs twice or leave them unused. A container without a request leaves that to its pod's; one that runs on
 * shared CPUs besides may ask for more.
 */
export function adviseOnRequest({
  facts,
  claimedCpus,
  sharesPool,
  requestedMillis,
}: ClaimedContainer): Advice | undefined {
  if (requestedMillis === undefined) return undefined;
  const surplusMillis = requestedMillis - claimedCpus * MILLIS_PER_CPU;
  if (surplusMillis >= -ROUNDING_MILLIS && (sharesPool || surplusMillis <= ROUNDING_MILLIS)) return undefined;
  const { podNamespace: namespace, podName: name, podUid: uid } = facts;
  return {
    pod: { namespace, name, uid },
    reason: 'CPURequestMismatch',
    message:
      `Container ${facts.name} asks for ${requestedMillis / MILLIS_PER_CPU} CPUs and its claims give it ${claimedCpus}: the ` +
      `scheduler counts both. Set its resources.requests.cpu and limits.cpu to ${claimedCpus}` +
      `${sharesPool ? ' and what it needs of the shared CPUs' : ''}, or leave them out and count the ` +
      "claims' CPUs in the pod's own resources",
  };
}

/** A container where it runs, as far as usage needs it. */
interface PlacedContainer {
  readonly podUid: string;
  readonly claimUids: readonly string[];
}

interface Waiting {
  readonly claim: PreparedClaim;
  readonly pods: readonly { readonly name: string; readonly uid: string }[];
  readonly sinceMs: number;
}

/** Images are pulled and init containers run before a claim's container; a pod of which only others run is looked at after this. */
const USED_WITHIN_MS = 60_000;

/**
 * Finds claims whose pod runs without using them: their CPUs stand idle. That is so when no container names the claim, or when
 * the claim was made for an extended resource under the name "cpu" (KEP-5004), for which the kubelet passes no devices.
 */
export class UnusedClaims {
  readonly #waiting = new Map<string, Waiting>();

  /** A claim got its CPUs, for these pods. */
  prepared(claim: PreparedClaim, pods: Waiting['pods'], nowMs: number): void {
    if (!this.#waiting.has(claim.uid) && !claim.cpus.isEmpty)
      this.#waiting.set(claim.uid, { claim, pods, sinceMs: nowMs });
  }

  /** A claim gave them back. */
  unprepared(uid: string): void {
    this.#waiting.delete(uid);
  }

  /** Advice on claims that are found unused now; each is told once. */
  look(containers: readonly PlacedContainer[], nowMs: number): Advice[] {
    for (const { claimUids } of containers) for (const uid of claimUids) this.#waiting.delete(uid);
    const running = new Set(containers.map(({ podUid }) => podUid));
    return [...this.#waiting.values()].flatMap(({ claim, pods, sinceMs }) => {
      const pod = pods.find(({ uid }) => running.has(uid));
      if (!pod || nowMs - sinceMs < USED_WITHIN_MS) return [];
      this.#waiting.delete(claim.uid);
      return [
        {
          pod: { namespace: claim.namespace, ...pod },
          reason: 'ClaimNotUsed' as const,
          message:
            `Claim ${describeClaim(claim)} holds CPUs ${claim.cpus} and no container uses it: name it in the ` +
            'resources.claims of the container that is to have them',
        },
      ];
    });
  }
}
