import type { ClaimRecord } from '../../records/claim-record.ts';
import { KeyedQueue } from '../../lib/keyed-queue.ts';
import { ClaimRefresh } from '../../prepare/refresh-claims.ts';
import { Ledger } from '../../claims/ledger.ts';
import { Adoption } from '../../containers/adopt.ts';
import type { ClaimEvent } from '../../prepare/claim-events.ts';
import { type ClaimRecords, ClaimService } from '../../prepare/prepare.ts';
import type { CpusetUpdate } from '../../containers/container.ts';
import { Containers } from '../../containers/containers.ts';
import { type CpusetReading, DriftWatch } from '../../containers/drift.ts';
import type { Machine } from '../../devices/machine.ts';
import { UpdatePusher } from '../../containers/push-updates.ts';
import { silentLog } from '../../lib/log.ts';
import type { NriHandlers } from '../../nri/index.ts';
import { findMemoryNodes } from '../../topology/memory-nodes.ts';
import { createNriHandlers } from '../../containers/nri-adapter.ts';
import type { ModelRuntime } from './model-runtime.ts';
import type { Dice, Tasks } from './model-tasks.ts';

/** The node around the driver. What takes time there is a task of the driver that asks. */
interface DriverNode {
  readonly machine: Machine;
  readonly files: ReadonlyMap<string, ClaimRecord>;
  readonly runtime: ModelRuntime;
  readonly isSlow: boolean;
  readonly nowMs: number;
  readonly dice: Dice;
  readonly tasks: Tasks;
  openDisk(driver: object): Pick<ClaimRecords, 'write' | 'remove'>;
  fetchClaim(driver: ModelDriver, uid: string): Promise<unknown>;
  listClaims(driver: object): Promise<unknown[]>;
  passTime(driver: object, delayMs: number): Promise<void>;
  observe(event: ClaimEvent): void;
  readCpuset(id: string): CpusetReading | undefined;
}

/** One driver process of a model: the parts that decide, put together as `pinning.ts` and `parts.ts` do it. */
export class ModelDriver {
  readonly ledger: Ledger;
  readonly containers: Containers;
  readonly handlers: Required<NriHandlers>;
  readonly service: ClaimService;
  readonly #node: DriverNode;
  readonly #adoption: Adoption;
  readonly #pusher: UpdatePusher;
  readonly #drift: DriftWatch;
  readonly #stopped = new AbortController();
  /** Containers that an update outside a hook is on its way to, and how many. */
  readonly #onTheWay = new Map<string, number>();
  #gate = Promise.withResolvers<undefined>();
  isConnected = false;

  constructor(node: DriverNode) {
    this.#node = node;
    this.ledger = new Ledger(node.machine.devices);
    for (const { claim, owner } of node.files.values()) this.ledger.adopt(claim, owner);
    const records = this.#openRecords();
    const fetchClaim = ({ uid }: { readonly uid: string }) => node.fetchClaim(this, uid);
    const refresh = new ClaimRefresh(this.ledger, {
      machine: () => node.machine,
      fetchClaim,
      listClaims: () => node.listClaims(this),
      records,
      now: () => node.nowMs,
      log: silentLog,
    });
    this.containers = new Containers(this.ledger, silentLog, {
      findMemoryNodes: (cpus) => findMemoryNodes(node.machine.topology, cpus),
      onOwned: (uid) => void this.#recordOwner(uid, records),
      onDoubt: (uid, podNamespace) => refresh.request(uid, podNamespace),
    });
    const onUnanswered = () => void this.#pusher.push({ byAllMeans: true });
    this.handlers = createNriHandlers(this.containers, { onUnanswered }) as Required<NriHandlers>;
    const onChange = () => this.claimsChanged();
    this.service = new ClaimService(this.ledger, {
      machine: () => node.machine,
      fetchClaim,
      records,
      whenPinning: () => this.#whenPinning(),
      whenUpdatesArrived: () => this.#pusher.whenArrived(),
      usesClaim: (uid) => this.containers.usersOf(uid).length > 0,
      findRunning: async (uid) => {
        const running = this.containers.usersOf(uid).find(({ id }) => node.runtime.containers.get(id)?.isRunning);
        return running?.id;
      },
      observe: (event) => node.observe(event),
      onChange,
      now: () => node.nowMs,
      sleep: (delayMs) => node.passTime(this, delayMs),
    });
    this.#pusher = new UpdatePusher(this.containers, {
      send: (updates) => this.#send(updates),
      sendSlowly: (updates) => this.#sendSlowly(updates),
      log: silentLog,
    });
    const adoptionPorts = { listClaims: () => node.listClaims(this), records, onChange, log: silentLog };
    this.#adoption = new Adoption(() => node.machine, this.ledger, this.containers, adoptionPorts);
    this.#drift = new DriftWatch(this.containers, {
      readCpuset: async ({ id }) => node.readCpuset(id),
      readOnline: () => node.machine.topology.online,
      push: () => this.#pusher.push({ byAllMeans: true }),
      onOutcome: () => {},
      log: silentLog,
    });
  }

  #openRecords(): ClaimRecords {
    const perClaim = new KeyedQueue();
    const disk = this.#node.openDisk(this);
    return {
      exclusively: (uid, task) => perClaim.run(uid, task),
      ...disk,
      writeRecord: (record) => disk.write(record),
      restore: async (record) => {
        const known = this.#node.files.get(record.claim.uid);
        if (known?.claim !== record.claim) await disk.write(record);
      },
    };
  }

  async #recordOwner(uid: string, records: ClaimRecords): Promise<void> {
    await records
      .exclusively(uid, async () => {
        const claim = this.ledger.find(uid);
        if (claim) await records.writeRecord({ claim, owner: this.ledger.ownerOf(uid) });
      })
      .catch(() => undefined);
  }

  isOnTheWay(containerId: string): boolean {
    return (this.#onTheWay.get(containerId) ?? 0) > 0;
  }

  claimsChanged(): void {
    this.containers.observeOnline(this.#node.machine.topology.online);
    if (this.isConnected) void this.#pusher.push();
  }

  /** The connection with the runtime was made, and its state told. */
  connected(): void {
    this.isConnected = true;
    void this.#adopt();
  }

  disconnected(): void {
    this.isConnected = false;
    this.#gate = Promise.withResolvers();
  }

  checkDrift(): void {
    if (this.isConnected) void this.#drift.check();
  }

  /** Another driver has the node from now on. */
  leave(): void {
    this.service.close();
    this.#stopped.abort();
    this.isConnected = false;
  }

  async #adopt(): Promise<void> {
    if (this.containers.unverified.length > 0) await this.#adoption.settle(this.#stopped.signal);
    if (this.isConnected && this.containers.unverified.length === 0) this.#gate.resolve(undefined);
  }

  #whenPinning(): Promise<string | undefined> {
    return Promise.race([this.#gate.promise, this.#node.passTime(this, 10_000).then(() => 'the runtime is away')]);
  }

  async #send(updates: readonly CpusetUpdate[]): Promise<'applied' | 'withheld'> {
    const node = this.#node;
    if (node.isSlow) return 'withheld';
    const ids = updates.map(({ containerId }) => containerId);
    for (const id of ids) this.#onTheWay.set(id, (this.#onTheWay.get(id) ?? 0) + 1);
    try {
      await node.tasks.wait(this, 'update');
      if (!this.isConnected) throw new RangeError('connection lost');
      const isWhole = node.dice.chance(0.9);
      node.runtime.apply(isWhole ? updates : updates.slice(1));
      if (!isWhole) throw new RangeError('some updates failed');
      return 'applied';
    } finally {
      for (const id of ids) this.#onTheWay.set(id, (this.#onTheWay.get(id) ?? 0) - 1);
    }
  }

  async #sendSlowly(updates: readonly CpusetUpdate[]): Promise<void> {
    const { tasks } = this.#node;
    await tasks.wait(this, 'update');
    if (this.#stopped.signal.aborted) throw new RangeError('stopped');
    this.#node.runtime.apply(this.containers.renewUpdates(updates));
    await tasks.wait(this, 'update');
  }
}
