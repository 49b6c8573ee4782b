import type { ClaimRecord } from '../../records/claim-record.ts';
import { smtMachine } from '../../claims/testing/fixtures.ts';
import { CpuSet } from '../../cpuset/cpu-set.ts';
import { parseCpuList } from '../../cpuset/parse.ts';
import { enumerateDevices } from '../../devices/device.ts';
import type { ClaimEvent } from '../../prepare/claim-events.ts';
import { describeClaimStatus } from '../../prepare/claim-status.ts';
import type { Machine } from '../../devices/machine.ts';
import type { CpuTopology } from '../../topology/topology.ts';
import { ModelDriver } from './model-driver.ts';
import { ModelKubelet } from './model-kubelet.ts';
import { ModelRuntime } from './model-runtime.ts';
import { Dice, Tasks } from './model-tasks.ts';

/** The machine with only these CPUs online. */
function withOnline(topology: CpuTopology, online: CpuSet): CpuTopology {
  const cut = <Group extends { readonly cpus: CpuSet }>(groups: readonly Group[]) =>
    groups.map((group) => ({ ...group, cpus: group.cpus.intersection(online) })).filter(({ cpus }) => !cpus.isEmpty);
  const { cpus, sockets, cores, l3Caches, numaNodes } = topology;
  return {
    ...topology,
    cpus: cpus.filter(({ cpu }) => online.has(cpu)),
    sockets: cut(sockets),
    cores: cut(cores),
    l3Caches: cut(l3Caches),
    numaNodes: cut(numaNodes),
    online,
    offline: topology.online.difference(online),
  };
}

/**
 * A node in memory: its machine, disk, API server, kubelet and container runtime, around the driver's deciding parts. Whatever
 * takes time is a task that ends when the model says so. Everything is decided by the dice.
 */
export class ModelNode {
  readonly dice: Dice;
  readonly tasks = new Tasks();
  /** The records by UID. */
  readonly files = new Map<string, ClaimRecord>();
  readonly kubelet: ModelKubelet;
  readonly runtime: ModelRuntime;
  /** Whether the runtime is better not asked outside a hook. */
  readonly isSlow: boolean;
  /** The steps taken. */
  readonly trace: string[] = [];
  readonly #whole = smtMachine({ nodes: 2, cores: 3 });
  readonly #reserved: CpuSet;
  machine: Machine;
  driver: ModelDriver;
  nowMs = 0;
  #mayFail = true;

  constructor(seed: number) {
    this.dice = new Dice(seed);
    this.isSlow = this.dice.chance(0.5);
    this.#reserved = this.dice.chance(0.5) ? CpuSet.of(0) : CpuSet.empty;
    this.kubelet = new ModelKubelet(this);
    this.runtime = new ModelRuntime(this.dice, () => this.driver);
    this.machine = this.#readMachine(this.#whole.online);
    this.driver = new ModelDriver(this);
  }

  /** From now on nothing fails by itself. */
  calm(): void {
    this.#mayFail = this.runtime.mayFail = false;
  }

  openDisk(driver: object) {
    const change = async (effect: () => void, isNeeded = () => true) => {
      await this.tasks.wait(driver, 'disk');
      if (isNeeded()) this.#mayThrow(0.08, 'disk full');
      // The folder of the records has another name for who has left.
      if (this.driver !== driver) throw new RangeError('no such directory');
      effect();
      await this.tasks.wait(driver, 'disk');
      this.#mayThrow(0.05, 'directory not synced');
    };
    return {
      write: (record: ClaimRecord) => change(() => this.files.set(record.claim.uid, record)),
      remove: (uid: string) =>
        change(
          () => this.files.delete(uid),
          () => this.files.has(uid),
        ),
    };
  }

  async fetchClaim(driver: ModelDriver, uid: string): Promise<unknown> {
    await this.tasks.wait(driver, 'api');
    // A claim that is known is answered without the API server, be its allocation another one by now.
    if (!driver.ledger.find(uid)) this.#mayThrow(0.05, 'API server away');
    return this.kubelet.objects.get(uid);
  }

  async listClaims(driver: object): Promise<unknown[]> {
    await this.tasks.wait(driver, 'api');
    return [...this.kubelet.objects.values()];
  }

  async passTime(driver: object, delayMs: number): Promise<void> {
    await this.tasks.wait(driver, 'time');
    this.nowMs += delayMs;
  }

  /** Shows the claim's CPUs in its status, as the driver does. */
  observe(event: ClaimEvent): void {
    if (event.kind !== 'prepared') return;
    const object = this.kubelet.objects.get(event.claim.uid);
    if (!object) return;
    const devices = describeClaimStatus(event.claim, this.machine.topology, []);
    object.status['devices'] = devices.map(({ shareId, ...device }) => ({
      driver: 'dra.cpu',
      ...device,
      shareID: shareId,
    }));
  }

  /** What the kernel has for a container. */
  readCpuset(id: string) {
    const text = this.runtime.containers.get(id)?.cpus;
    if (text === undefined) return undefined;
    const { online } = this.machine.topology;
    const configured = text === '' ? this.#whole.online : parseCpuList(text);
    const effective = configured.intersection(online);
    return { configured, effective: effective.isEmpty ? online : effective };
  }

  connect(): void {
    this.runtime.connect(this.kubelet.pods.filter(({ hasEnded }) => !hasEnded));
  }

  /** The driver is killed; what was under way has happened or not. */
  crash(): void {
    this.tasks.drop(this.driver);
    for (const pod of this.kubelet.pods) pod.isBusy = false;
    this.driver = new ModelDriver(this);
  }

  /** A new driver takes the node over; the old one's calls have their time, or its files at least. */
  async handOver(): Promise<void> {
    const old = this.driver;
    let callsLeft = this.dice.chance(0.5) ? 50 : 0;
    while (callsLeft > 0 && (await this.tasks.endOne(this.dice, ({ owner }) => owner === old))) callsLeft -= 1;
    old.leave();
    while (await this.tasks.endOne(this.dice, ({ owner, kind }) => owner === old && kind === 'disk'));
    this.driver = new ModelDriver(this);
  }

  /** Containers are gone, and what the kubelet knew of claims that are prepared; the records are not. */
  reboot(): void {
    this.runtime.clear();
    for (const pod of this.kubelet.pods) pod.isPrepared = false;
    this.crash();
  }

  /** The driver is killed and finds its folder empty when it starts. */
  loseFiles(): void {
    this.files.clear();
    for (const pod of this.kubelet.pods) pod.isPrepared = false;
    this.crash();
  }

  /** CPUs go offline or come back. */
  switchCpus(): void {
    const all = this.#whole.online.toArray();
    const online = this.dice.chance(0.3) ? all : all.filter(() => this.dice.chance(0.8));
    if (online.length === 0) return;
    this.machine = this.#readMachine(CpuSet.from(online));
    this.driver.ledger.resupply(this.machine.devices);
    this.driver.claimsChanged();
  }

  #readMachine(online: CpuSet): Machine {
    const topology = withOnline(this.#whole, online);
    const devices = enumerateDevices(topology, { kind: 'grouped', groupBy: 'numanode' }, this.#reserved);
    return { driverName: 'dra.cpu', pool: 'node-a', topology, devices };
  }

  #mayThrow(share: number, why: string): void {
    if (this.#mayFail && this.dice.chance(share)) throw new RangeError(why);
  }
}
