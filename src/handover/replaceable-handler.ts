import type { ClaimHandler, ClaimReference, PrepareOutcome, UnprepareOutcome } from '../kubelet/claim-handler.ts';

/** Hands calls to a handler that can be exchanged for another while the sockets stay open. */
export class ReplaceableClaimHandler implements ClaimHandler {
  #handler: ClaimHandler;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(handler: ClaimHandler) {
    this.#handler = handler;
  }

  prepare(claims: readonly ClaimReference[]): Promise<readonly PrepareOutcome[]> {
    return this.#follow(this.#handler.prepare(claims));
  }

  unprepare(claims: readonly ClaimReference[]): Promise<readonly UnprepareOutcome[]> {
    return this.#follow(this.#handler.unprepare(claims));
  }

  /** Lets another answer from now on; resolves when the calls that the old one has under way have ended. */
  async replace(handler: ClaimHandler): Promise<void> {
    const underWay = [...this.#underWay];
    this.#handler = handler;
    await Promise.allSettled(underWay);
  }

  #follow<T>(call: Promise<T>): Promise<T> {
    const settled = call.finally(() => this.#underWay.delete(settled));
    this.#underWay.add(settled);
    return settled;
  }
}
