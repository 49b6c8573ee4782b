import type { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import type { Dice } from '../dice.ts';
import type { Invariant, Violation } from '../judge/violation.ts';
import type { RuntimeContainer } from '../peers/runtime-container.ts';
import { toldCpus } from '../peers/runtime-container.ts';
import { type ClaimTruth, isEntitled, type PodTruth } from './truth.ts';
import type { World } from './world.ts';

/** One step that was taken. */
export interface StepNote {
  readonly atMs: number;
  readonly text: string;
}

/** A story under way: the node, what is true of its claims and pods, what was done and what was found wrong. */
export class Story {
  readonly dice: Dice;
  readonly claims: ClaimTruth[] = [];
  readonly pods: PodTruth[] = [];
  readonly notes: StepNote[] = [];
  readonly violations: Violation[] = [];
  /** How many inputs the driver was given: calls, events, requests, files. */
  inputs = 0;
  /** Names of sockets that drivers of earlier pods left behind. */
  staleSockets: readonly string[] = [];
  readonly #startMs = performance.now();
  #world: World | undefined;

  constructor(dice: Dice) {
    this.dice = dice;
  }

  get world(): World {
    if (!this.#world) throw new RangeError('the story has no node yet');
    return this.#world;
  }

  set world(world: World) {
    this.#world = world;
  }

  /** Notes what is done, for whoever reads of a violation. */
  note(text: string): void {
    this.notes.push({ atMs: Math.round(performance.now() - this.#startMs), text });
  }

  /** Something that must hold does not; said once. */
  report(invariant: Invariant, what: string): void {
    if (this.violations.some((other) => other.invariant === invariant && other.what === what)) return;
    this.violations.push({ invariant, what });
    this.note(`VIOLATION ${invariant}: ${what}`);
  }

  /** Claims that hold CPUs for sure. */
  get prepared(): ClaimTruth[] {
    return this.claims.filter(({ state }) => state === 'prepared');
  }

  get livePods(): PodTruth[] {
    return this.pods.filter(({ isGone }) => !isGone);
  }

  /** The containers that run a claim now. */
  usersOf(claim: ClaimTruth): RuntimeContainer[] {
    return this.#liveContainers().filter((one) => isEntitled(claim, one, this.world.tellsCdi));
  }

  /** Whether a claim may be released at any time: the API server no longer has it, and no container uses it. */
  mayBeReleased(claim: ClaimTruth): boolean {
    return !claim.isInApi && this.usersOf(claim).length === 0;
  }

  /** CPUs that a new claim may get of a NUMA node, as a scheduler counts them. */
  freeCpus(node: number, cpusOfNode: CpuSet): number {
    const used = this.claims
      .filter(({ state }) => state !== 'released' && state !== 'new')
      .flatMap(({ requests }) => requests)
      .filter((request) => request.node === node)
      .reduce((sum, { cpus }) => sum + cpus, 0);
    return cpusOfNode.intersection(this.world.claimableCpus).size - used;
  }

  /**
   * No container is told a CPU of a claim that runs, but those that may be. Called after every time the runtime was told CPUs; one
   * that the driver has not heard of is looked at when the node is settled.
   */
  checkTold(cause: string): void {
    const containers = this.#liveContainers().filter(({ isUnseen, told }) => !isUnseen && told !== '');
    for (const claim of this.prepared) {
      const users = containers.filter(
        (one) => isEntitled(claim, one, this.world.tellsCdi) && toldCpus(one).intersects(claim.cpus),
      );
      if (users.length === 0) continue;
      for (const container of containers) this.#checkContainer(claim, container, users, cause);
    }
  }

  #checkContainer(claim: ClaimTruth, container: RuntimeContainer, users: RuntimeContainer[], cause: string): void {
    const shared = toldCpus(container).intersection(claim.cpus);
    if (shared.isEmpty) return;
    const name = this.describe(container);
    if (!isEntitled(claim, container, this.world.tellsCdi)) {
      this.report(
        'I2',
        `after ${cause}: ${name} is told CPUs ${shared} of running claim ${claim.uid} of ${claim.namespace}/${claim.name}`,
      );
    }
    const [first] = users;
    const isSame = first?.sandbox.pod.uid === container.sandbox.pod.uid && first.spec.name === container.spec.name;
    if (users.includes(container) && !isSame) {
      this.report(
        'I2',
        `after ${cause}: ${name} and ${first ? this.describe(first) : 'another'} both run on CPUs ${shared} of claim ${claim.uid}`,
      );
    }
  }

  /** Nothing outside the driver's directories was created, changed or removed. */
  checkBystanders(): void {
    for (const difference of this.world.bystanders.differences()) this.report('I8', difference);
  }

  describe({ sandbox: { pod }, spec }: RuntimeContainer): string {
    return `container ${pod.namespace}/${pod.name}/${spec.name}`;
  }

  #liveContainers(): RuntimeContainer[] {
    return [...this.world.runtime.containers.values()].filter(({ state }) => state !== 'stopped');
  }
}
