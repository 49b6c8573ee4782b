import { type AllocatedDevice, type Claim, type ClaimReference, describeClaim, parseClaim } from '../claims/claim.ts';
import { ClaimError } from '../claims/claim-error.ts';
import { areSameUsers, readClaimPods, readClaimUsers, readNewUsers } from '../claims/claim-object.ts';
import { chooseCpus } from '../claims/choose-cpus.ts';
import { confirmClaim, isSameAllocation } from '../claims/confirm-claim.ts';
import type { Ledger } from '../claims/ledger.ts';
import type { ClaimOwner, PreparedClaim } from '../claims/prepared-claim.ts';
import type { Machine } from '../devices/machine.ts';
import { boundedMap } from '../lib/bounded-map.ts';
import { KeyedQueue } from '../lib/keyed-queue.ts';
import { errorText } from '../lib/log.ts';
import { claimCdiDeviceId, isUsableUid } from '../records/cdi-spec.ts';
import { metadataCdiDeviceId } from '../records/device-metadata.ts';
import { isSafeName } from '../records/safe-name.ts';
import type { ClaimEvent } from './claim-events.ts';
import { ReleaseWaiter } from './release-waiter.ts';
import { quote } from '../lib/quote.ts';
import { nameCpus } from '../lib/count.ts';

/** A device as the kubelet is told of it (k8s.io/kubelet dra v1, Device). */
export interface PreparedDevice {
  readonly requestNames: string[];
  readonly poolName: string;
  readonly deviceName: string;
  readonly cdiDeviceIds: string[];
  readonly shareId?: string;
}

/** The answer for one claim of a Prepare call. */
export type PrepareOutcome =
  | { readonly uid: string; readonly devices: PreparedDevice[] }
  | { readonly uid: string; readonly error: string };

/** The answer for one claim of an Unprepare call. */
export type UnprepareOutcome = { readonly uid: string; readonly error?: string };

/** Where claims are remembered (records/claim-store.ts). */
export interface ClaimRecords {
  exclusively<T>(uid: string, task: () => Promise<T>): Promise<T>;
  /** Records a claim durably, then writes the files that follow from it. */
  write(record: { readonly claim: PreparedClaim; readonly owner: ClaimOwner | undefined }): Promise<void>;
  /** Records a claim durably; the files that follow from it stay as they are. */
  writeRecord(record: { readonly claim: PreparedClaim; readonly owner: ClaimOwner | undefined }): Promise<void>;
  /** Sees that all files of a claim are there, the record included. */
  restore(record: { readonly claim: PreparedClaim; readonly owner: ClaimOwner | undefined }): Promise<void>;
  remove(uid: string): Promise<void>;
}

/** What the claim service needs of the world. */
export interface ClaimServicePorts {
  /** The node as it is now. */
  readonly machine: () => Machine;
  /**
   * The claim object, or undefined when the API server has none of that name. Rejects when it cannot be asked; soon for a
   * claim that is known, which can be answered without it.
   */
  readonly fetchClaim: (reference: ClaimReference, options?: { readonly isKnown?: boolean }) => Promise<unknown>;
  readonly records: ClaimRecords;
  /**
   * Resolves when containers are pinned, that is when the runtime's state is known, or with the reason why not when that
   * takes too long. A new claim waits for it: its container would start unpinned, and a running container might hold the very CPUs
   * it would get.
   */
  readonly whenPinning: () => Promise<string | undefined>;
  /** Resolves when the updates of containers that are on their way to the runtime now have arrived. */
  readonly whenUpdatesArrived: () => Promise<void>;
  /** Whether a container that the runtime has has the claim's CPUs, or may turn out to. */
  readonly usesClaim: (uid: string) => boolean;
  /** A container with the claim's CPUs of which a process lives, as messages name it; undefined when there is none. */
  readonly findRunning: (uid: string) => Promise<string | undefined>;
  /** Called with what became of each claim, after the fact. */
  readonly observe: (event: ClaimEvent) => void;
  /** Called once per call, after claims got or released CPUs. */
  readonly onChange: () => void;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
  /** Resolves after `delayMs`. */
  readonly sleep: (delayMs: number) => Promise<void>;
}

/**
 * How long a call waits for CPUs that the API server no longer shows as allocated to their holder, in milliseconds. The
 * scheduler gives the CPUs of a pod deleted by force away some 2 s before the kubelet unprepares its claim, and a kubelet
 * (1.37) that is refused asks again only after 60 to 90 s; its call may take 45 s.
 */
const RELEASE_TIMEOUT_MS = 10_000;

/** Claims of a call that are worked on at once; between two of them hooks are answered. */
const CLAIMS_AT_ONCE = 16;

/** The part of an allocated device that the kubelet's answer repeats. */
type AnsweredDevice = Pick<AllocatedDevice, 'request' | 'pool' | 'device' | 'shareId'>;

function toPreparedDevice(
  { uid, driverName, hasCpus }: { uid: string; driverName: string; hasCpus: boolean },
  result: AnsweredDevice,
): PreparedDevice {
  const metadataId = metadataCdiDeviceId(driverName, uid, result.request);
  return {
    requestNames: [result.request],
    poolName: result.pool,
    deviceName: result.device,
    cdiDeviceIds: hasCpus ? [claimCdiDeviceId(uid), metadataId] : [metadataId],
    ...(result.shareId === undefined ? {} : { shareId: result.shareId }),
  };
}

/** One entry per claim, whatever the caller repeats. */
function distinct(references: readonly ClaimReference[]): ClaimReference[] {
  return [...new Map(references.map((reference) => [reference.uid, reference])).values()];
}

/**
 * Prepares and unprepares claims. Claims are fetched side by side and decided one at a time, because choosing and reserving
 * happen in one synchronous step; their files are written side by side. Both calls are idempotent, and one claim's failure does not
 * concern the others.
 */
export class ClaimService {
  readonly #ledger: Ledger;
  readonly #ports: ClaimServicePorts;
  readonly #releases: ReleaseWaiter;
  /** Calls on one claim end in the order in which they came. */
  readonly #calls = new KeyedQueue();
  #isClosed = false;

  constructor(ledger: Ledger, ports: ClaimServicePorts) {
    this.#ledger = ledger;
    this.#ports = ports;
    const onGone = (claims: readonly PreparedClaim[]) => void this.#releaseIdle(claims);
    this.#releases = new ReleaseWaiter(ledger, { ...ports, onGone });
  }

  /**
   * Another driver decides from now on: what is still under way fails before it changes anything, so that no CPU is given by
   * both. May be called twice.
   */
  close(): void {
    this.#isClosed = true;
    this.#releases.notify();
  }

  /** Answers with exactly one entry per claim. */
  async prepare(references: readonly ClaimReference[]): Promise<PrepareOutcome[]> {
    const startMs = this.#ports.now();
    const outcomes = await boundedMap(distinct(references), CLAIMS_AT_ONCE, (reference) =>
      this.#calls.run(reference.uid, () => this.#prepareOne(reference, startMs)),
    );
    this.#ports.onChange();
    return outcomes;
  }

  /** Answers with exactly one entry per claim; a claim that was never prepared is done already. */
  async unprepare(references: readonly ClaimReference[]): Promise<UnprepareOutcome[]> {
    const outcomes = await boundedMap(distinct(references), CLAIMS_AT_ONCE, (reference) =>
      this.#calls.run(reference.uid, () => this.#unprepareOne(reference)),
    );
    this.#ports.onChange();
    return outcomes;
  }

  /**
   * Releases claims that the API server no longer has and that no container uses: their kubelet forgot them, for instance
   * because it was away when the pod was deleted. Claims that cannot be asked for are kept.
   */
  async releaseAbandoned(): Promise<void> {
    const idle = this.#ledger.claims.filter(({ uid }) => !this.#ports.usesClaim(uid));
    await this.#releaseIdle(await this.#releases.findGone(idle));
  }

  async #prepareOne(reference: ClaimReference, startMs: number): Promise<PrepareOutcome> {
    const { uid } = reference;
    const { now, observe, records } = this.#ports;
    let object: unknown;
    try {
      this.#checkReference(reference);
      // Before the claim's turn: the runtime's state may depend on the adoption of this very claim.
      if (!this.#ledger.find(uid)) await this.#checkPinning(reference);
      const devices = await records.exclusively(uid, async () => {
        try {
          object = await this.#ports.fetchClaim(reference, { isKnown: this.#ledger.find(uid) !== undefined });
        } catch (error) {
          return this.#answerWithoutApi(reference, error);
        }
        return await this.#prepareFetched(reference, object, startMs);
      });
      return { uid, devices };
    } catch (error) {
      observe({
        kind: 'prepare-failed',
        reference,
        pods: readClaimPods(object),
        error,
        durationMs: now() - startMs,
      });
      return { uid, error: errorText(error) };
    }
  }

  async #prepareFetched(reference: ClaimReference, object: unknown, startMs: number): Promise<PreparedDevice[]> {
    if (object === undefined) {
      throw new ClaimError(
        'ClaimNotFound',
        `Cannot prepare claim ${describeClaim(reference)}: the API server has no such claim; it was deleted while the pod started`,
      );
    }
    const claim = parseClaim(object, reference, this.#ports.machine().driverName);
    const known = await this.#findPrepared(claim, object);
    if (claim.devices.length === 0) return [];
    const prepared = known ?? (await this.#decideInTime(claim, object, startMs));
    await this.#record(prepared, known);
    // An update that was decided before could put another container onto these CPUs after this claim's container has started.
    if (!known) await this.#ports.whenUpdatesArrived();
    // The next driver may have read the records before this one was there.
    this.#checkOpen('prepare', claim);
    const durationMs = this.#ports.now() - startMs;
    this.#ports.observe({ kind: 'prepared', claim: prepared, pods: readClaimPods(object), isNew: !known, durationMs });
    return this.#answer(prepared, claim.devices);
  }

  /** The claim as it was prepared for its present allocation, with its present users. An earlier allocation of it is ended. */
  async #findPrepared(claim: Claim, object: unknown): Promise<PreparedClaim | undefined> {
    this.#checkOpen('prepare', claim);
    const known = this.#ledger.find(claim.uid);
    if (!known) return undefined;
    const confirmed = this.#confirm(known, claim, object);
    if (confirmed && isSameAllocation(confirmed.assignments, claim.devices)) return confirmed;
    await this.#endEarlierAllocation(known, claim);
    return undefined;
  }

  /** Completes a claim that another driver prepared; undefined when its CPUs are not those of its allocation. */
  #confirm(known: PreparedClaim, claim: Claim, object: unknown): PreparedClaim | undefined {
    if (known.users) return { ...known, users: readNewUsers(known.users, object) };
    try {
      return confirmClaim(known, claim, object, this.#ports.machine());
    } catch (error) {
      if (error instanceof ClaimError) return undefined;
      throw error;
    }
  }

  /** A claim prepared before is answered from memory while the API server is away. */
  async #answerWithoutApi(reference: ClaimReference, reason: unknown): Promise<PreparedDevice[]> {
    if (reason instanceof ClaimError) throw reason;
    const known = this.#ledger.find(reference.uid);
    if (!known || known.assignments.length === 0) {
      throw new ClaimError(
        'ApiUnavailable',
        `Cannot prepare claim ${describeClaim(reference)}: the API server could not be asked for it: ${errorText(reason)}`,
      );
    }
    this.#checkOpen('prepare', reference);
    await this.#ports.records.restore({ claim: known, owner: this.#ledger.ownerOf(known.uid) });
    return this.#answer(known, known.assignments);
  }

  #answer({ uid, cpus }: PreparedClaim, devices: readonly AnsweredDevice[]): PreparedDevice[] {
    const { driverName } = this.#ports.machine();
    return devices.map((device) => toPreparedDevice({ uid, driverName, hasCpus: !cpus.isEmpty }, device));
  }

  #checkReference(reference: ClaimReference): void {
    const { uid, namespace, name } = reference;
    if (!isUsableUid(uid)) {
      throw new ClaimError(
        'MalformedClaim',
        `Cannot prepare claim ${describeClaim(reference)}: invalid UID ${quote(uid)}; want ` +
          'letters, digits, dots and dashes',
      );
    }
    if ([namespace, name].every(isSafeName)) return;
    throw new ClaimError(
      'MalformedClaim',
      `Cannot prepare claim ${quote(describeClaim(reference))}: its namespace and name are not names of Kubernetes objects`,
    );
  }

  #checkOpen(verb: 'prepare' | 'unprepare', claim: ClaimReference): void {
    if (!this.#isClosed) return;
    throw new ClaimError(
      'DriverLeft',
      `Cannot ${verb} claim ${describeClaim(claim)}: this driver has left the node while it was at it, as in a rolling update; ` +
        'the kubelet asks the next one when it tries again',
    );
  }

  async #checkPinning(claim: ClaimReference): Promise<void> {
    const reason = await this.#ports.whenPinning();
    if (reason === undefined) return;
    throw new ClaimError(
      'NotPinning',
      `Cannot prepare claim ${describeClaim(claim)}: its container would not be pinned to its CPUs: ${reason}`,
    );
  }

  /** Decides on a new claim; CPUs that are about to be released are waited for, until the call's time is up. */
  async #decideInTime(claim: Claim, object: unknown, startMs: number): Promise<PreparedClaim> {
    await this.#checkPinning(claim);
    return await this.#releases.retry(() => this.#decide(claim, object), startMs + RELEASE_TIMEOUT_MS);
  }

  /** Decides and reserves in one synchronous step: no other claim can take the CPUs in between. */
  #decide(claim: Claim, object: unknown): PreparedClaim {
    this.#checkOpen('prepare', claim);
    const { topology, devices, pool } = this.#ports.machine();
    const { free } = this.#ledger;
    const describeHolders = (cpus: PreparedClaim['cpus']) => this.#ledger.describeHolders(cpus);
    const chosen = chooseCpus(claim, { topology, devices, pool, free, describeHolders });
    const { podClaimName } = claim;
    const prepared = { ...chosen, users: readClaimUsers(object), ...(podClaimName !== undefined && { podClaimName }) };
    this.#ledger.reserve(prepared);
    return prepared;
  }

  /**
   * A claim has one allocation, so that an earlier one is over. A kubelet that lost its own state does not unprepare it;
   * only a container that still runs on its CPUs keeps them.
   */
  async #endEarlierAllocation(prepared: PreparedClaim, claim: Claim): Promise<void> {
    if (!this.#ports.usesClaim(claim.uid)) return this.#releaseFiles(prepared);
    throw new ClaimError(
      'Conflict',
      `Cannot prepare claim ${describeClaim(claim)}: a container still runs on ${nameCpus(prepared.cpus)} of an earlier allocation ` +
        'of it; delete the pod of that container, and the claim is prepared when the container has ended',
    );
  }

  /**
   * Records a claim. Of one that is `known` only what has changed is written, and what follows from its record.
   * @throws ClaimError; a new claim that cannot be recorded has released its CPUs, as soon as no file has them.
   */
  async #record(prepared: PreparedClaim, known: PreparedClaim | undefined): Promise<void> {
    const { records } = this.#ports;
    const { uid } = prepared;
    const before = this.#ledger.find(uid);
    const isUnchanged = known?.users && before?.users && areSameUsers(before.users, known.users);
    if (known && !isUnchanged) this.#ledger.update(known);
    const claim = isUnchanged ? before : prepared;
    try {
      await records.restore({ claim, owner: this.#ledger.ownerOf(uid) });
    } catch (error) {
      this.#closeIfLost(error);
      if (!known) await this.#takeBack(uid);
      throw toRecordError(prepared, error);
    }
  }

  /** The records are another driver's by now: this one decides nothing any more, whatever else still calls it. */
  #closeIfLost(error: unknown): void {
    if ((error as { code?: unknown }).code === 'DriverLeft') this.close();
  }

  /**
   * Releases a claim whose record failed. The file goes first, for a write that failed may have left one: CPUs that a file may still
   * give to a container after a restart are not free. While it cannot be removed the claim keeps its CPUs.
   */
  async #takeBack(uid: string): Promise<void> {
    try {
      await this.#ports.records.remove(uid);
      this.#release(uid);
    } catch {
      // It is prepared again or unprepared later.
    }
  }

  async #unprepareOne(reference: ClaimReference): Promise<UnprepareOutcome> {
    const { uid } = reference;
    try {
      if (isUsableUid(uid)) await this.#ports.records.exclusively(uid, () => this.#unprepareInTurn(reference));
      return { uid };
    } catch (error) {
      this.#closeIfLost(error);
      this.#ports.observe({ kind: 'unprepare-failed', reference, error });
      return { uid, error: errorText(error) };
    }
  }

  async #unprepareInTurn(reference: ClaimReference): Promise<void> {
    const claim = this.#ledger.find(reference.uid);
    const running = claim && (await this.#ports.findRunning(claim.uid));
    if (running !== undefined) {
      throw new ClaimError(
        'ClaimInUse',
        `Cannot unprepare claim ${describeClaim(reference)}: container ${running} still runs on its CPUs ${claim?.cpus}; ` +
          'end the container, the kubelet then tries again',
      );
    }
    await this.#releaseFiles(reference);
  }

  /** Files first: CPUs are free only when no file can give them to a container any more. */
  async #releaseFiles(reference: ClaimReference): Promise<void> {
    this.#checkOpen('unprepare', reference);
    await this.#ports.records.remove(reference.uid);
    this.#ports.observe({ kind: 'unprepared', reference, released: this.#release(reference.uid) });
  }

  #release(uid: string): PreparedClaim | undefined {
    const released = this.#ledger.release(uid);
    if (released) this.#releases.notify();
    return released;
  }

  /** Releases claims that are gone, but for those that a container uses. */
  async #releaseIdle(gone: readonly PreparedClaim[]): Promise<void> {
    const { records, usesClaim, observe, onChange } = this.#ports;
    const idle = gone.filter(({ uid }) => !usesClaim(uid));
    if (idle.length === 0) return;
    await boundedMap(idle, CLAIMS_AT_ONCE, async (claim) => {
      try {
        await records.exclusively(claim.uid, () => this.#releaseIfAbandoned(claim));
      } catch (error) {
        observe({ kind: 'unprepare-failed', reference: claim, error });
      }
    });
    onChange();
  }

  /** Asks again in the claim's turn: meanwhile it may have been allocated and prepared again. */
  async #releaseIfAbandoned(claim: PreparedClaim): Promise<void> {
    const { length } = await this.#releases.findGone([claim]);
    const isPrepared = this.#ledger.find(claim.uid)?.cpus === claim.cpus;
    if (length > 0 && isPrepared && !this.#ports.usesClaim(claim.uid)) await this.#releaseFiles(claim);
  }
}

function toRecordError(claim: ClaimReference, error: unknown): ClaimError {
  const isLost = (error as { code?: unknown }).code === 'DriverLeft';
  return new ClaimError(
    isLost ? 'DriverLeft' : 'NotRecorded',
    `Cannot prepare claim ${describeClaim(claim)}: ${isLost ? '' : 'its files cannot be written: '}${errorText(error)}`,
    { cause: error },
  );
}
