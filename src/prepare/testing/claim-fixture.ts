import type { ClaimRecord } from '../../records/claim-record.ts';
import type { ClaimReference } from '../../claims/claim.ts';
import { Ledger } from '../../claims/ledger.ts';
import type { PreparedClaim } from '../../claims/prepared-claim.ts';
import { smtMachine } from '../../claims/testing/fixtures.ts';
import { CpuSet } from '../../cpuset/cpu-set.ts';
import { type DeviceMode, type DeviceOptions, enumerateDevices } from '../../devices/device.ts';
import type { Machine } from '../../devices/machine.ts';
import type { CpuTopology } from '../../topology/topology.ts';
import type { ClaimEvent } from '../claim-events.ts';
import type { DescribedRequest } from '../../records/device-metadata.ts';
import { describeDevices } from '../describe-devices.ts';
import { KeyedQueue } from '../../lib/keyed-queue.ts';
import { ClaimService, type PrepareOutcome } from '../prepare.ts';

/** The reference by which the kubelet would name the claims of `allocatedClaim`. */
export function referenceTo(uid: string): ClaimReference {
  return { uid, namespace: 'default', name: `claim-${uid}` };
}

/** A claim service over a described machine, an API server that is a map and a folder of records that is another. */
export class ClaimFixture {
  readonly ledger: Ledger;
  readonly service: ClaimService;
  /** What the API server has, by UID. */
  readonly objects = new Map<string, unknown>();
  /** The records on disk, by UID. */
  readonly records = new Map<string, ClaimRecord>();
  /** What containers are told of their devices, by the claim's UID. */
  readonly metadata = new Map<string, readonly DescribedRequest[]>();
  readonly events: ClaimEvent[] = [];
  /** Rejects writes of files, and removals of those that there are, while set. */
  diskError: Error | undefined;
  /** Rejects removals alone of those that there are. */
  removalError: Error | undefined;
  /** Rejects writes of files while set, after the file is in its place. */
  lateDiskError: Error | undefined;
  /** How long the disk takes until a file is in its place. */
  whenDiskWrites: () => Promise<void> = async () => {};
  /** Rejects what containers are to be told while set. */
  metadataError: Error | undefined;
  /** Rejects requests to the API server while set. */
  apiError: Error | undefined;
  /** How long the API server takes. */
  whenApiAnswers: () => Promise<void> = async () => {};
  /** What claims wait for before they are given CPUs. */
  whenPinning: () => Promise<string | undefined> = async () => undefined;
  /** Whether the runtime has a container with the claim. */
  usesClaim: (uid: string) => boolean = () => false;
  /** A container of the claim with a process. */
  findRunning: (uid: string) => Promise<string | undefined> = async () => undefined;
  /** Updates that are on their way to the runtime. */
  whenUpdatesArrived: () => Promise<void> = async () => {};
  readonly #perClaim = new KeyedQueue();
  /** Wakes who waits for time to go by. */
  readonly #sleepers: (() => void)[] = [];
  #nowMs = 0;

  constructor({
    topology = smtMachine({ cores: 8 }),
    mode = { kind: 'grouped', groupBy: 'numanode' },
    reserved = CpuSet.empty,
    options = {},
  }: {
    topology?: CpuTopology;
    mode?: DeviceMode;
    reserved?: CpuSet;
    options?: DeviceOptions;
  } = {}) {
    const devices = enumerateDevices(topology, mode, reserved, options);
    this.ledger = new Ledger(devices);
    const machine = { driverName: 'dra.cpu', pool: 'node-a', topology, devices };
    this.service = new ClaimService(this.ledger, {
      machine: () => machine,
      fetchClaim: async ({ uid }) => {
        await this.whenApiAnswers();
        if (this.apiError) throw this.apiError;
        return this.objects.get(uid);
      },
      records: {
        exclusively: (uid, task) => this.#perClaim.run(uid, task),
        write: async (record) => {
          await this.#writeRecord(record);
          this.#derive(record.claim, machine);
        },
        writeRecord: (record) => this.#writeRecord(record),
        restore: async (record) => {
          if (this.records.get(record.claim.uid)?.claim !== record.claim) await this.#writeRecord(record);
          this.#derive(record.claim, machine);
        },
        remove: async (uid) => {
          const error = this.diskError ?? this.removalError;
          if (error && this.records.has(uid)) throw error;
          this.metadata.delete(uid);
          this.records.delete(uid);
        },
      },
      whenPinning: () => this.whenPinning(),
      whenUpdatesArrived: () => this.whenUpdatesArrived(),
      usesClaim: (uid) => this.usesClaim(uid),
      findRunning: (uid) => this.findRunning(uid),
      observe: (event) => void this.events.push(event),
      onChange: () => {},
      now: () => this.#nowMs,
      sleep: () => new Promise((resolve) => void this.#sleepers.push(resolve)),
    });
  }

  async #writeRecord(record: ClaimRecord): Promise<void> {
    await this.whenDiskWrites();
    if (this.diskError) throw this.diskError;
    this.records.set(record.claim.uid, record);
    if (this.lateDiskError) throw this.lateDiskError;
  }

  #derive(claim: PreparedClaim, machine: Machine): void {
    if (this.metadataError) throw this.metadataError;
    this.metadata.set(claim.uid, describeDevices(claim, machine));
  }

  /** How many callers wait for time to go by. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** Lets time go by and wakes everybody who waits. */
  passTime(durationMs: number): void {
    this.#nowMs += durationMs;
    for (const wake of this.#sleepers.splice(0)) wake();
  }

  /** Prepares claims by UID; the outcomes in the same order. */
  prepare(...uids: string[]): Promise<PrepareOutcome[]> {
    return this.service.prepare(uids.map(referenceTo));
  }

  /** The error of preparing one claim; "" when there is none. */
  async prepareError(uid: string): Promise<string> {
    const [outcome] = await this.prepare(uid);
    return outcome && 'error' in outcome ? outcome.error : '';
  }
}
