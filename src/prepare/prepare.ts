import { type MetadataClaim, metadataCdiDeviceId } from '../records/device-metadata.ts';
import { type ClaimRecord, claimCdiDeviceId, isUsableUid } from '../records/cdi-spec.ts';
import { type AllocatedDevice, type Claim, type ClaimReference, describeClaim, parseClaim } from '../claims/claim.ts';
import { ClaimError } from '../claims/claim-error.ts';
import { readClaimPods } from '../claims/claim-object.ts';
import type { Ledger, PreparedClaim } from '../claims/ledger.ts';
import type { CpuSet } from '../cpuset/cpu-set.ts';
import { KeyedQueue } from '../lib/keyed-queue.ts';
import { errorText } from '../lib/log.ts';
import type { ClaimEvent } from './claim-events.ts';
import { toRecord } from '../records/claim-record.ts';
import { decideCpus } from './decide-cpus.ts';
import { type DescribedRequest, describeDevices } from './describe-devices.ts';
import { AwaitedClaims, readEarlierCpus } from './earlier-cpus.ts';
import type { Machine } from '../devices/machine.ts';
import { ReleaseWaiter } from './release-waiter.ts';

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

/** What the claim service needs of the world. */
export interface ClaimServicePorts {
  /** The node as it is now. */
  readonly machine: () => Machine;
  /**
   * The claim object, or undefined when the API server has none of that name. Rejects when it cannot be asked; soon for a
   * claim that is known, which can be answered without it.
   */
  readonly fetchClaim: (reference: ClaimReference, options?: { readonly isKnown?: boolean }) => Promise<unknown>;
  /** The durable form of a prepared claim. */
  readonly specs: { write(record: ClaimRecord): Promise<void>; remove(uid: string): Promise<void> };
  /** What the claim's containers are told of their devices. */
  readonly metadata: {
    write(claim: MetadataClaim, requests: readonly DescribedRequest[]): Promise<void>;
    remove(claim: ClaimReference): Promise<void>;
  };
  /**
   * Resolves when containers are pinned, that is when the runtime's state is known, or with the reason why not when that
   * takes too long. A claim that nobody has seen before waits for it: its container would start unpinned, and a running container
   * might hold the very CPUs it would get.
   */
  readonly whenPinning: () => Promise<string | undefined>;
  /** CPUs that claims without a spec file had before, by UID, as far as files tell that outlive a reboot. */
  readonly earlier?: ReadonlyMap<string, CpuSet>;
  /** Whether a container that the runtime has has the claim's CPUs, or may turn out to. */
  readonly usesClaim: (uid: string) => boolean;
  /** Told what became of each claim, after the fact. */
  readonly observe: (event: ClaimEvent) => void;
  /** Called once per call, after claims got or gave back CPUs. */
  readonly onChange: () => void;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
  /** Resolves after `delayMs`. */
  readonly sleep: (delayMs: number) => Promise<void>;
}

/**
 * How long a claim waits for CPUs that the API server no longer shows as allocated to their holder, in milliseconds. The
 * scheduler gives the CPUs of a pod deleted by force away some 2 s before the kubelet unprepares its claim, and a kubelet
 * (1.37) that is refused asks again only after 60 to 90 s; its call may take 45 s.
 */
const RELEASE_TIMEOUT_MS = 10_000;

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

/**
 * Whether a prepared claim was prepared for the allocation that the API server shows now; one from another driver's files does
 * not tell, and is taken for it.
 */
function isSameAllocation(prepared: PreparedClaim, claim: Claim): boolean {
  if (prepared.assignments.length === 0) return true;
  const key = ({ request, pool, device, shareId }: AnsweredDevice) => [request, pool, device, shareId ?? ''].join(' ');
  const [was, is] = [prepared.assignments.map(key).sort(), claim.devices.map(key).sort()];
  return was.length === is.length && was.every((device, index) => device === is[index]);
}

/** One entry a claim, whatever the caller repeats. */
function distinct(references: readonly ClaimReference[]): ClaimReference[] {
  return [...new Map(references.map((reference) => [reference.uid, reference])).values()];
}

/**
 * Prepares and unprepares claims. Claims are fetched side by side and decided one at a time, because choosing and reserving
 * happen in one synchronous step; their files are written side by side. Both calls are idempotent, and one claim's failure is
 * its own.
 */
export class ClaimService {
  readonly #ledger: Ledger;
  readonly #ports: ClaimServicePorts;
  readonly #perClaim = new KeyedQueue();
  readonly #releases: ReleaseWaiter;
  readonly #awaited: AwaitedClaims;
  #isClosed = false;

  constructor(ledger: Ledger, ports: ClaimServicePorts) {
    this.#ledger = ledger;
    this.#ports = ports;
    this.#releases = new ReleaseWaiter(ledger, ports, RELEASE_TIMEOUT_MS);
    this.#awaited = new AwaitedClaims(ports.earlier ?? new Map(), ports.now());
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
    const { now, observe } = this.#ports;
    const startMs = now();
    const outcomes = await Promise.all(
      distinct(references).map(async (reference): Promise<PrepareOutcome> => {
        const { uid } = reference;
        let fetched: unknown;
        try {
          // Fetched in the claim's turn, so that calls on one claim end in the order in which they came.
          const devices = await this.#perClaim.run(uid, async () => {
            const [fetch] = await Promise.allSettled([this.#fetch(reference)]);
            if (fetch.status === 'fulfilled') fetched = fetch.value;
            return await this.#prepareOne(reference, fetch, startMs);
          });
          return { uid, devices };
        } catch (error) {
          observe({
            kind: 'prepare-failed',
            reference,
            pods: readClaimPods(fetched),
            error,
            durationMs: now() - startMs,
          });
          return { uid, error: errorText(error) };
        }
      }),
    );
    this.#ports.onChange();
    return outcomes;
  }

  /** Answers with exactly one entry per claim; a claim nobody prepared is done already. */
  async unprepare(references: readonly ClaimReference[]): Promise<UnprepareOutcome[]> {
    const outcomes = await Promise.all(
      distinct(references).map(async (reference): Promise<UnprepareOutcome> => {
        const { uid } = reference;
        try {
          await this.#perClaim.run(uid, () => this.#unprepareOne(reference));
          return { uid };
        } catch (error) {
          this.#ports.observe({ kind: 'unprepare-failed', reference, error });
          return { uid, error: errorText(error) };
        }
      }),
    );
    this.#ports.onChange();
    return outcomes;
  }

  /**
   * Releases claims that the API server no longer has and that no container uses: their kubelet forgot them, for instance
   * because it was away when the pod was deleted. Claims that cannot be asked for are kept.
   */
  async releaseAbandoned(): Promise<void> {
    const { usesClaim, observe, onChange } = this.#ports;
    const idle = this.#ledger.claims.filter(({ uid }) => !usesClaim(uid));
    const gone = await this.#releases.findGone(idle);
    if (gone.length === 0) return;
    await Promise.all(
      gone.map(async (claim) => {
        try {
          await this.#perClaim.run(claim.uid, () => this.#releaseIfAbandoned(claim));
        } catch (error) {
          observe({ kind: 'unprepare-failed', reference: claim, error });
        }
      }),
    );
    onChange();
  }

  /** Asks again in the claim's turn: while others were asked for it may have been allocated and prepared anew. */
  async #releaseIfAbandoned(claim: PreparedClaim): Promise<void> {
    const { length } = await this.#releases.findGone([claim]);
    if (length > 0 && this.#ledger.find(claim.uid) === claim && !this.#ports.usesClaim(claim.uid))
      await this.#unprepareOne(claim);
  }

  async #fetch(reference: ClaimReference): Promise<unknown> {
    if (!isUsableUid(reference.uid)) {
      throw new ClaimError(
        'MalformedClaim',
        `Cannot prepare claim ${describeClaim(reference)}: ${JSON.stringify(reference.uid)} is no UID; want letters, digits, dots and dashes`,
      );
    }
    return await this.#ports.fetchClaim(reference, { isKnown: this.#ledger.find(reference.uid) !== undefined });
  }

  async #prepareOne(
    reference: ClaimReference,
    fetched: PromiseSettledResult<unknown>,
    startMs: number,
  ): Promise<PreparedDevice[]> {
    const known = this.#ledger.find(reference.uid);
    if (fetched.status === 'rejected') return this.#answerWithoutApi(reference, known, fetched.reason);
    if (fetched.value === undefined) {
      throw new ClaimError(
        'ClaimNotFound',
        `Cannot prepare claim ${describeClaim(reference)}: the API server has no such claim; it was deleted while the pod started`,
      );
    }
    const claim = parseClaim(fetched.value, reference, this.#ports.machine().driverName);
    if (claim.devices.length === 0 && !known) return [];
    if (!known || !isSameAllocation(known, claim)) await this.#checkPinning(claim);
    this.#checkOpen('prepare', claim);
    // Asked again: the claim may have been adopted from a running container meanwhile.
    const found = this.#ledger.find(claim.uid);
    if (found && !isSameAllocation(found, claim)) await this.#endEarlierAllocation(found, claim);
    if (claim.devices.length === 0) return [];
    const adopted = this.#ledger.find(claim.uid);
    const told = readEarlierCpus(fetched.value, claim, this.#ports.machine().driverName);
    const earlier = told ?? this.#awaited.cpusOf(claim.uid);
    const prepared = adopted ?? (await this.#releases.retry(() => this.#decide(claim, earlier)));
    const isNew = adopted === undefined;
    await this.#record(prepared, { isNew, podClaimName: claim.podClaimName });
    // The next driver may have read the files before these were there.
    this.#checkOpen('prepare', claim);
    const durationMs = this.#ports.now() - startMs;
    this.#ports.observe({ kind: 'prepared', claim: prepared, pods: readClaimPods(fetched.value), isNew, durationMs });
    return this.#answer(prepared, claim.devices);
  }

  /** A claim prepared before is answered from the ledger while the API server is away. */
  async #answerWithoutApi(
    reference: ClaimReference,
    known: PreparedClaim | undefined,
    reason: unknown,
  ): Promise<PreparedDevice[]> {
    if (reason instanceof ClaimError) throw reason;
    if (!known || known.assignments.length === 0) {
      throw new ClaimError(
        'ApiUnavailable',
        `Cannot prepare claim ${describeClaim(reference)}: the API server could not be asked for it: ${errorText(reason)}`,
      );
    }
    return this.#answer(known, known.assignments);
  }

  #answer({ uid, cpus }: PreparedClaim, devices: readonly AnsweredDevice[]): PreparedDevice[] {
    const { driverName } = this.#ports.machine();
    return devices.map((device) => toPreparedDevice({ uid, driverName, hasCpus: !cpus.isEmpty }, device));
  }

  #checkOpen(verb: 'prepare' | 'unprepare', claim: ClaimReference): void {
    if (!this.#isClosed) return;
    throw new ClaimError(
      'DriverLeft',
      `Cannot ${verb} claim ${describeClaim(claim)}: this driver has left the node while it was at it, as in a rolling update; ` +
        'the kubelet asks the next one when it tries again',
    );
  }

  async #checkPinning(claim: Claim): Promise<void> {
    const reason = await this.#ports.whenPinning();
    if (reason === undefined) return;
    throw new ClaimError(
      'NotPinning',
      `Cannot prepare claim ${describeClaim(claim)}: its container would not be pinned to its CPUs: ${reason}`,
    );
  }

  /**
   * Decides on a new claim and reserves in one synchronous step: nobody else can take the CPUs in between. `earlier` are the CPUs
   * that it had before the node was started anew.
   */
  #decide(claim: Claim, earlier: CpuSet | undefined): PreparedClaim {
    this.#checkOpen('prepare', claim);
    const { topology, devices, pool } = this.#ports.machine();
    const { free } = this.#ledger;
    const describeHolders = (cpus: CpuSet) => this.#ledger.describeHolders(cpus);
    const others = this.#awaited.awaitedBeside(claim.uid, this.#ports.now());
    const prepared = decideCpus(claim, { topology, devices, pool, free, describeHolders }, { own: earlier, others });
    this.#ledger.reserve(prepared);
    this.#awaited.forget(claim.uid);
    return prepared;
  }

  /**
   * A claim has one allocation, so that an earlier one is over. A kubelet that lost its own state does not unprepare it;
   * only a container that still runs on its CPUs keeps them.
   */
  async #endEarlierAllocation(prepared: PreparedClaim, claim: Claim): Promise<void> {
    if (!this.#ports.usesClaim(claim.uid)) return this.#unprepareOne(prepared);
    throw new ClaimError(
      'Conflict',
      `Cannot prepare claim ${describeClaim(claim)}: a container still runs on CPUs ${prepared.cpus} of an earlier allocation ` +
        'of it; delete the pod of that container, and the claim is prepared when the container has ended',
    );
  }

  /** Writes the claim's files side by side. A new claim that cannot be recorded gives its CPUs back, as soon as no file has them. */
  async #record(
    prepared: PreparedClaim,
    { isNew, podClaimName }: { isNew: boolean; podClaimName: string | undefined },
  ): Promise<void> {
    const { metadata, specs, machine } = this.#ports;
    const { uid, assignments, cpus } = prepared;
    const [spec, described] = await Promise.allSettled([
      cpus.isEmpty ? undefined : specs.write(toRecord(prepared)),
      assignments.length === 0
        ? undefined
        : metadata.write({ ...prepared, podClaimName }, describeDevices(prepared, machine())),
    ]);
    const failed = [spec, described].find((result) => result.status === 'rejected');
    if (!failed) return;
    if (isNew) {
      // CPUs that a file may still give to a container after a restart are not free: the file goes first, for a write that failed
      // may have left one. While it cannot be removed the claim keeps its CPUs, until it is prepared again or unprepared.
      const isRemoved = await specs.remove(uid).then(
        () => true,
        () => false,
      );
      if (isRemoved) this.#release(uid);
    }
    throw new ClaimError(
      'NotRecorded',
      `Cannot prepare claim ${describeClaim(prepared)}: its files cannot be written: ${errorText(failed.reason)}`,
    );
  }

  /** File first: CPUs are free only when no file can give them to a container any more. */
  async #unprepareOne(reference: ClaimReference): Promise<void> {
    if (!isUsableUid(reference.uid)) return;
    this.#checkOpen('unprepare', reference);
    await this.#ports.specs.remove(reference.uid);
    await this.#ports.metadata.remove(reference);
    this.#awaited.forget(reference.uid);
    const released = this.#release(reference.uid);
    this.#ports.observe({ kind: 'unprepared', reference, released });
  }

  #release(uid: string): PreparedClaim | undefined {
    const released = this.#ledger.release(uid);
    if (released) this.#releases.notify();
    return released;
  }
}
