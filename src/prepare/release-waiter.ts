import type { ClaimReference } from '../claims/claim.ts';
import { readClaimPools } from '../claims/claim-object.ts';
import { ClaimError, type ClaimErrorCode } from '../claims/claim-error.ts';
import type { Ledger, PreparedClaim } from '../claims/ledger.ts';
import { asObject } from '../lib/json.ts';
import type { Machine } from '../devices/machine.ts';

/** Failures that more free CPUs can mend. */
const MENDABLE: ReadonlySet<ClaimErrorCode> = new Set([
  'NotEnoughCPUs',
  'Unsatisfiable',
  'Conflict',
  'SharedPoolEmpty',
]);

/** What waiting needs of the world; part of the claim service's ports. */
interface ReleaseWaiterPorts {
  readonly machine: () => Pick<Machine, 'driverName' | 'pool'>;
  readonly fetchClaim: (reference: ClaimReference) => Promise<unknown>;
  readonly now: () => number;
  readonly sleep: (delayMs: number) => Promise<void>;
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
  readonly #timeoutMs: number;
  readonly #waiting = new Set<() => void>();

  constructor(ledger: Ledger, ports: ReleaseWaiterPorts, timeoutMs: number) {
    this.#ledger = ledger;
    this.#ports = ports;
    this.#timeoutMs = timeoutMs;
  }

  /** A claim gave its CPUs back: whoever waits tries again. */
  notify(): void {
    for (const wake of this.#waiting) wake();
  }

  /**
   * Claims of which the API server says that they are gone or not allocated here; those it cannot be asked for are not, nor those
   * from another driver's files, whose names are not known.
   */
  async findGone(list: readonly PreparedClaim[]): Promise<PreparedClaim[]> {
    const claims = list.filter(({ assignments }) => assignments.length > 0);
    const answers = await Promise.allSettled(claims.map((claim) => this.#ports.fetchClaim(claim)));
    return claims.filter((claim, index) => {
      const answer = answers[index];
      return answer?.status === 'fulfilled' && isNoLongerAllocated(answer.value, claim, this.#ports.machine());
    });
  }

  /**
   * Tries until it works, for as long as a claim holds CPUs that it is about to give back.
   * @throws what `decide` threw last.
   */
  async retry<T>(decide: () => T): Promise<T> {
    const deadlineMs = this.#ports.now() + this.#timeoutMs;
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
      const gone = await this.findGone(this.#ledger.claims);
      if (gone.length === 0 && !isReleased) return false;
      await Promise.race([release, this.#ports.sleep(timeoutMs)]);
    } finally {
      this.#waiting.delete(wake);
    }
    return true;
  }
}
