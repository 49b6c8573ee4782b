import type { DeviceRequest, DeviceRequestDetails } from '../objects.ts';
import type { AllocationProblem } from './allocation-problem.ts';
import { AttributeConstraint } from './attribute-constraint.ts';
import { AllocationRefusal, candidateDevices } from './candidate-devices.ts';
import { type Consumption, consumptionOf, hasCapacity } from './consumed-capacity.ts';
import type { PoolDevice } from './device-pool.ts';

/** A device chosen for a request. */
export interface DevicePick {
  readonly claim: number;
  /** "request" or "request/alternative". */
  readonly request: string;
  readonly details: DeviceRequestDetails;
  readonly pooled: PoolDevice;
  /** What it takes of a device that can be shared; undefined: the whole device. */
  readonly consumption: Consumption | undefined;
}

/** One way to satisfy a request. */
interface Alternative {
  readonly claim: number;
  /** Place of the request in its claim. */
  readonly index: number;
  readonly name: string;
  readonly details: DeviceRequestDetails;
}

/** Devices looked at before the search gives up (about a second): it bounds claims that no combination satisfies. */
const STEPS_MAX = 500_000;
/** Most devices of one claim (resource.k8s.io/v1 AllocationResultsMaxSize). */
const RESULTS_MAX = 32;

/** The ways to satisfy a request, best first. */
function alternativesOf(request: DeviceRequest, place: { claim: number; index: number }): Alternative[] {
  if (request.exactly) return [{ ...place, name: request.name, details: request.exactly }];
  return (request.firstAvailable ?? []).map((details) => ({
    ...place,
    name: `${request.name}/${details.name}`,
    details,
  }));
}

/** Depth-first search for devices that satisfy all requests of all claims at once. */
export class DeviceSearch {
  readonly #problem: AllocationProblem;
  readonly #constraints: readonly AttributeConstraint[][];
  readonly #candidates = new Map<DeviceRequestDetails, PoolDevice[]>();
  readonly #picks: DevicePick[] = [];
  /** How far the search came, and what stopped it there. */
  #deepest: { picks: number; reason: string } = { picks: -1, reason: 'nothing is requested' };
  #steps = 0;

  constructor(problem: AllocationProblem) {
    this.#problem = problem;
    this.#constraints = problem.claims.map((claim) =>
      (claim.spec.devices?.constraints ?? []).map((constraint) => new AttributeConstraint(constraint)),
    );
  }

  /** Why the search failed: the obstacle it met with most devices chosen. */
  get reason(): string {
    return this.#deepest.reason;
  }

  /** The devices chosen for a claim. */
  picksOf(claim: number): DevicePick[] {
    return this.#picks.filter((pick) => pick.claim === claim);
  }

  /**
   * Whether devices were found; they stay marked as used until `giveBack`.
   * @throws AllocationRefusal when a class is missing, a selector fails or the search takes too long.
   */
  run(): boolean {
    return this.#request(0, 0);
  }

  /** Unmarks the chosen devices. */
  giveBack(): void {
    while (this.#picks.length > 0) this.#undo();
  }

  #request(claim: number, index: number): boolean {
    const toAllocate = this.#problem.claims[claim];
    if (!toAllocate) return true;
    const request = toAllocate.spec.devices?.requests?.[index];
    if (!request) return this.#request(claim + 1, 0);
    return alternativesOf(request, { claim, index }).some((alternative) => this.#alternative(alternative));
  }

  #alternative(alternative: Alternative): boolean {
    const candidates = this.#candidatesFor(alternative);
    const { allocationMode, count = 1, deviceClassName } = alternative.details;
    const wanted = allocationMode === 'All' ? candidates.length : count;
    if (candidates.length === 0 || this.picksOf(alternative.claim).length + wanted > RESULTS_MAX) {
      const why = candidates.length === 0 ? 'no device matches' : `more than ${RESULTS_MAX} devices in one claim`;
      return this.#fail(alternative, `${why} (class ${deviceClassName})`);
    }
    return allocationMode === 'All' ? this.#all(alternative, candidates) : this.#some(alternative, { wanted, from: 0 });
  }

  /** Takes every matching device; one that cannot be had spoils the request. */
  #all(alternative: Alternative, candidates: readonly PoolDevice[]): boolean {
    const before = this.#picks.length;
    for (const pooled of candidates) {
      const pick = this.#tryPick(alternative, pooled);
      if (pick) this.#add(pick);
      else {
        this.#undoTo(before);
        return this.#fail(alternative, `device ${pooled.id} is in use, and all matching devices are requested`);
      }
    }
    if (this.#request(alternative.claim, alternative.index + 1)) return true;
    this.#undoTo(before);
    return false;
  }

  /** Takes `wanted` devices, trying them from a place in the list on, so that no combination is tried twice. */
  #some(alternative: Alternative, { wanted, from }: { wanted: number; from: number }): boolean {
    if (wanted === 0) return this.#request(alternative.claim, alternative.index + 1);
    const usable = this.#countUsable(alternative, { wanted, from });
    if (usable < wanted) return this.#fail(alternative, this.#shortage(alternative, usable));
    for (const [index, pooled] of this.#candidatesFor(alternative).entries()) {
      const pick = index < from ? undefined : this.#tryPick(alternative, pooled);
      if (!pick) continue;
      this.#add(pick);
      // A device that can be shared may be taken again.
      const next = pick.consumption === undefined ? index + 1 : index;
      if (this.#some(alternative, { wanted: wanted - 1, from: next })) return true;
      this.#undo();
    }
    return false;
  }

  /** How many devices from a place on could be taken next; counted no further than `wanted`, a shared one as enough. */
  #countUsable(alternative: Alternative, { wanted, from }: { wanted: number; from: number }): number {
    const candidates = this.#candidatesFor(alternative);
    let usable = 0;
    for (let index = from; index < candidates.length && usable < wanted; index++) {
      const pooled = candidates[index];
      const pick = pooled && this.#tryPick(alternative, pooled);
      if (pick) usable += pick.consumption === undefined ? 1 : wanted;
    }
    return usable;
  }

  #candidatesFor({ claim, details }: Alternative): PoolDevice[] {
    const known = this.#candidates.get(details);
    if (known) return known;
    try {
      const candidates = candidateDevices(details, this.#problem.devices, this.#problem.classes);
      this.#candidates.set(details, candidates);
      return candidates;
    } catch (error) {
      if (!(error instanceof AllocationRefusal)) throw error;
      throw new AllocationRefusal(`claim ${this.#problem.claims[claim]?.name}: ${error.message}`, { cause: error });
    }
  }

  /** A device as it would be taken now, undefined when it cannot be. */
  #tryPick(alternative: Alternative, pooled: PoolDevice): DevicePick | undefined {
    const { details, claim, name } = alternative;
    if (++this.#steps > STEPS_MAX) {
      throw new AllocationRefusal(`claim ${this.#problem.claims[claim]?.name}: no devices found in ${STEPS_MAX} steps`);
    }
    const requests = details.capacity?.requests ?? {};
    const isShared = pooled.device.allowMultipleAllocations === true && details.adminAccess !== true;
    const consumption = isShared ? consumptionOf(pooled.device, requests) : undefined;
    const isOpen = isShared
      ? consumption !== undefined && this.#problem.usage.hasRoom(pooled.id, pooled.device, consumption)
      : hasCapacity(pooled.device, requests) && (details.adminAccess === true || this.#problem.usage.isFree(pooled.id));
    const isAllowed = this.#concerning(claim, name).every((constraint) => constraint.admits(pooled));
    return isOpen && isAllowed ? { claim, request: name, details, pooled, consumption } : undefined;
  }

  #concerning(claim: number, request: string): AttributeConstraint[] {
    return (this.#constraints[claim] ?? []).filter((constraint) => constraint.concerns(request));
  }

  #add(pick: DevicePick): void {
    this.#picks.push(pick);
    if (pick.details.adminAccess !== true) this.#problem.usage.take(pick.pooled.id, pick.consumption);
    for (const constraint of this.#concerning(pick.claim, pick.request)) constraint.add(pick.pooled);
  }

  #undo(): void {
    const pick = this.#picks.pop();
    if (!pick) return;
    if (pick.details.adminAccess !== true) this.#problem.usage.giveBack(pick.pooled.id, pick.consumption);
    for (const constraint of this.#concerning(pick.claim, pick.request)) constraint.removeLast();
  }

  #undoTo(length: number): void {
    while (this.#picks.length > length) this.#undo();
  }

  #fail(alternative: Alternative, why: string): false {
    if (this.#picks.length > this.#deepest.picks) {
      const name = this.#problem.claims[alternative.claim]?.name;
      this.#deepest = { picks: this.#picks.length, reason: `claim ${name}, request ${alternative.name}: ${why}` };
    }
    return false;
  }

  #shortage(alternative: Alternative, usable: number): string {
    const { details } = alternative;
    const matching = this.#candidatesFor(alternative).length;
    const amounts = Object.entries(details.capacity?.requests ?? {}).map(([name, amount]) => `${amount} ${name}`);
    const room = amounts.length === 0 ? 'free' : `room for ${amounts.join(' and ')}`;
    const constraints = this.#concerning(alternative.claim, alternative.name).map((constraint) => constraint.text);
    const under = constraints.length === 0 ? '' : ` under ${constraints.join(' and ')}`;
    return `${details.count ?? 1} wanted, ${matching} match class ${details.deviceClassName}, ${usable} with ${room} left${under}`;
  }
}
