import { type ClaimReference, describeClaim } from '../claims/claim.ts';
import { areSameUsers, readNewUsers } from '../claims/claim-object.ts';
import { type ConfirmContext, confirmClaim } from '../claims/confirm-claim.ts';
import type { Ledger } from '../claims/ledger.ts';
import type { PreparedClaim } from '../claims/prepared-claim.ts';
import { asObject, type JsonObject } from '../lib/json.ts';
import { errorText, type Log } from '../lib/log.ts';
import type { ClaimRecords } from './prepare.ts';

/** Between two requests for one claim, in milliseconds: a pod that is refused again and again costs one in this time. */
const INTERVAL_MS = 1_000;

/** What asking again for claims needs of the world. */
export interface RefreshPorts {
  readonly machine: () => ConfirmContext;
  readonly fetchClaim: (reference: ClaimReference) => Promise<unknown>;
  /** All claims of a namespace. Rejects when they cannot be asked for. */
  readonly listClaims: (namespace: string) => Promise<readonly unknown[]>;
  readonly records: Pick<ClaimRecords, 'exclusively' | 'writeRecord' | 'write'>;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

/**
 * Asks the API server again whose containers may use a prepared claim. The kubelet prepares a claim that several pods use once, for
 * the first of them; the pods that come later are found here. So is whether a claim of release 0.1.0, which did not record them, is
 * what it was taken for.
 */
export class ClaimRefresh {
  readonly #ledger: Ledger;
  readonly #ports: RefreshPorts;
  /** When claims were last asked for, by UID. */
  readonly #asked = new Map<string, number>();

  constructor(ledger: Ledger, ports: RefreshPorts) {
    this.#ledger = ledger;
    this.#ports = ports;
  }

  /**
   * Asks for a claim in the background, unless that was done just now.
   * @param podNamespace where a pod is that names the claim: a claim of the reference driver's files, whose name is not known, is
   *   looked for there.
   */
  request(uid: string, podNamespace?: string): void {
    const claim = this.#ledger.find(uid);
    const isNamed = claim !== undefined && claim.assignments.length > 0;
    const nowMs = this.#ports.now();
    if (!claim || (!isNamed && !podNamespace) || nowMs - (this.#asked.get(uid) ?? -INTERVAL_MS) < INTERVAL_MS) return;
    for (const known of this.#asked.keys()) if (!this.#ledger.find(known)) this.#asked.delete(known);
    this.#asked.set(uid, nowMs);
    void this.#refresh(claim, isNamed ? undefined : podNamespace);
  }

  /** Never rejects: what cannot be asked for stays as it is. */
  async #refresh(claim: PreparedClaim, podNamespace: string | undefined): Promise<void> {
    const { fetchClaim, records, log } = this.#ports;
    const { uid } = claim;
    try {
      const object = podNamespace === undefined ? await fetchClaim(claim) : await this.#findIn(podNamespace, uid);
      await records.exclusively(uid, async () => {
        const known = this.#ledger.find(uid);
        const now = known && this.#judge(known, object);
        if (!now) return;
        this.#ledger.update(now);
        await records.write({ claim: now, owner: this.#ledger.ownerOf(uid) });
      });
    } catch (error) {
      log.warn('Failed to ask again for a claim', { claim: describeClaim(claim), uid, reason: errorText(error) });
    }
  }

  async #findIn(namespace: string, uid: string): Promise<unknown> {
    const list = await this.#ports.listClaims(namespace);
    return list.find((item) => readIdentity(item).uid === uid && readIdentity(item).namespace === namespace);
  }

  /** The claim with its present users; undefined when nothing is to be changed. */
  #judge(known: PreparedClaim, object: unknown): PreparedClaim | undefined {
    const { uid, namespace, name } = readIdentity(object);
    if (uid !== known.uid) return undefined;
    if (!known.users) {
      const reference = { uid, namespace: String(namespace), name: String(name) };
      return confirmClaim(known, reference, object, this.#ports.machine());
    }
    const users = readNewUsers(known.users, object);
    return areSameUsers(known.users, users) ? undefined : { ...known, users };
  }
}

function readIdentity(object: unknown): JsonObject {
  return asObject(asObject(object).metadata);
}
