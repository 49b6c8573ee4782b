import type { ClaimReference } from '../claims/claim.ts';
import { ClaimError, type ClaimErrorCode } from '../claims/claim-error.ts';
import { readClaimPools } from '../claims/claim-object.ts';
import type { Ledger } from '../claims/ledger.ts';
import type { PreparedClaim } from '../claims/prepared-claim.ts';
import type { Machine } from '../devices/machine.ts';
import { boundedMap } from '../lib/bounded-map.ts';
import { asObject } from '../lib/json.ts';

/** Failures that more free CPUs can mend. */
const MENDABLE: ReadonlySet<ClaimErrorCode> = new Set([
  'NotEnoughCPUs',
  'Unsatisfiable',
  'Conflict',
  'SharedPoolEmpty',
]);

/** Claims that the API server is asked for at once. */
const FETCHES_AT_ONCE = 8;

/** What waiting needs of the world; part of the claim service's ports. */
interface ReleaseWaiterPorts {
  readonly machine: () => Pick<Machine, 'driverName' | 'pool'>;
  readonly fetchClaim: (reference: ClaimReference) => Promise<unknown>;
  readonly now: () => number;
  readonly sleep: (delayMs: number) => Promise<void>;
  /** Claims that are gone were found: those that no container uses may be released at once. */
  readonly onGone: (claims: readonly PreparedClaim[]) => void;
}

/** Whether an API object is another incarnation of a claim, or the claim without devices of this node. */
function isNoLongerAllocated(
  object: unknown,
  { uid }: ClaimReference,
  { driverName, pool }: Pick<Machine, 'driverName' | 'pool'>,
): boolean {
  if (object === undefined) return true;
  return asObject(asObject(object)['metadata'])['uid'] !== uid || !readClaimPools(object, driverName).includes(pool);
}

/** Waits, for a bounded time, for CPUs whose holder the API server no longer shows as allocated. */
export class ReleaseWaiter {
  readonly #ledger: Ledger;
  readonly #ports: ReleaseWaiterPorts;
  readonly #waiting = new Set<() => void>();
  /** The look at all claims that is under way. */
  #look: Promise<PreparedClaim[]> | undefined;
  /** The one after it, shared by all claims that came while it was under way. */
  #nextLook: Promise<PreparedClaim[]> | undefined;

  constructor(ledger: Ledger, ports: ReleaseWaiterPorts) {
    this.#ledger = ledger;
    this.#ports = ports;
  }

  /** A claim released its CPUs: every claim that waits tries again. */
  notify(): void {
    for (const wake of this.#waiting) wake();
  }

  /**
   * Claims of which the API server says that they are gone or not allocated here; those it cannot be asked for are not, nor those
   * from another driver's files, whose names are not known.
   */
  async findGone(list: readonly PreparedClaim[]): Promise<PreparedClaim[]> {
    const claims = list.filter(({ assignments }) => assignments.length > 0);
    const found = await boundedMap(claims, FETCHES_AT_ONCE, async (claim) => {
      try {
        return isNoLongerAllocated(await this.#ports.fetchClaim(claim), claim, this.#ports.machine());
      } catch {
        return false;
      }
    });
    return claims.filter((_, index) => found[index]);
  }

  /**
   * Tries until it works, for as long as a claim holds CPUs that it is about to release, and no longer than until `deadlineMs`.
   * @throws what `decide` threw last.
   */
  async retry<T>(decide: () => T, deadlineMs: number): Promise<T> {
    for (;;) {
      try {
        return decide();
      } catch (error) {
        const leftMs = deadlineMs - this.#ports.now();
        if (!(error instanceof ClaimError) || !MENDABLE.has(error.code) || leftMs <= 0) throw error;
        if (!(await this.#awaitRelease(leftMs))) throw error;
      }
    }
  }

  /** Whether it is worth trying again: a claim was released meanwhile, or one is expected to be and time went by. */
  async #awaitRelease(timeoutMs: number): Promise<boolean> {
    const { promise: release, resolve } = Promise.withResolvers<void>();
    let isReleased = false;
    const wake = () => {
      isReleased = true;
      resolve();
    };
    this.#waiting.add(wake);
    try {
      const timeout = this.#ports.sleep(timeoutMs);
      // An API server that does not answer is not waited for longer than a release.
      const gone = await Promise.race([this.#lookForGone(), release, timeout]);
      if (isReleased) return true;
      if (gone === undefined || gone.length === 0) return false;
      await Promise.race([release, timeout]);
      return true;
    } finally {
      this.#waiting.delete(wake);
    }
  }

  /** One look at a time. One that is under way may have asked for a claim before that was deleted. */
  #lookForGone(): Promise<PreparedClaim[]> {
    if (this.#nextLook) return this.#nextLook;
    if (!this.#look) return this.#startLook();
    this.#nextLook = this.#look.then(() => {
      this.#nextLook = undefined;
      return this.#startLook();
    });
    return this.#nextLook;
  }

  #startLook(): Promise<PreparedClaim[]> {
    const look = this.findGone(this.#ledger.claims).finally(() => {
      this.#look = undefined;
    });
    this.#look = look;
    void look.then((claims) => claims.length > 0 && this.#ports.onGone(claims));
    return look;
  }
}
