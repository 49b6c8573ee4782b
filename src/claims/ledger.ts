import { CpuSet } from '../cpuset/cpu-set.ts';
import { describeClaim } from './claim.ts';
import { checkUse } from './check-use.ts';
import type { ClaimOwner, ClaimSharing, PreparedClaim } from './prepared-claim.ts';
import { ClaimError } from './claim-error.ts';
import { invariant } from '../lib/invariant.ts';
import { nameCpus, verbFor } from '../lib/count.ts';

/** What the node has to give. */
export interface Supply {
  /** CPUs that claims may take and shared containers may use. */
  readonly allocatable: CpuSet;
  /** CPUs that only shared containers may use; default none. */
  readonly sharedOnly?: CpuSet;
  /** CPUs set aside for the system; shared containers fall back to them when claims hold all others. */
  readonly reserved: CpuSet;
  /** CPUs that no container of a pod can have; default none. */
  readonly outside?: CpuSet;
}

/**
 * Who has which CPUs: the one mutable object of the driver's core. All methods are synchronous, so that a check and the
 * change that relies on it cannot be torn apart.
 */
export class Ledger {
  #supply: Supply;
  readonly #sharing: ClaimSharing;
  readonly #claims = new Map<string, PreparedClaim>();
  readonly #owners = new Map<string, ClaimOwner>();
  #taken = CpuSet.empty;
  /** Whether claims were adopted that hold the same CPUs. */
  #hasOverlaps = false;

  constructor(supply: Supply, { claimSharing = 'none' }: { claimSharing?: ClaimSharing } = {}) {
    this.#supply = supply;
    this.#sharing = claimSharing;
  }

  /** Replaces what the node has to give (CPU hot-plug, new configuration). Claims keep what they hold. */
  resupply(supply: Supply): void {
    this.#supply = supply;
  }

  get supply(): Supply {
    return this.#supply;
  }

  /** CPUs held by claims. */
  get taken(): CpuSet {
    return this.#taken;
  }

  /** CPUs that a new claim may take. */
  get free(): CpuSet {
    return this.#supply.allocatable.difference(this.#taken);
  }

  /** CPUs for containers without a claim: what claims leave, or the reserved CPUs when they leave nothing. */
  get sharedPool(): CpuSet {
    return this.#poolBeside(this.#taken);
  }

  /** Reserved CPUs that containers without a claim may fall back to. */
  get fallbackPool(): CpuSet {
    return this.#fallbackBeside(this.#taken);
  }

  /** CPUs that are reserved now and that claims hold from before; they are set aside when these are released. */
  get reservedInUse(): CpuSet {
    return this.#supply.reserved.intersection(this.#taken);
  }

  get claims(): readonly PreparedClaim[] {
    return [...this.#claims.values()];
  }

  find(uid: string): PreparedClaim | undefined {
    return this.#claims.get(uid);
  }

  ownerOf(uid: string): ClaimOwner | undefined {
    return this.#owners.get(uid);
  }

  /**
   * Gives a claim its CPUs.
   * @throws ClaimError `Conflict` naming the holder, `NotEnoughCPUs` for CPUs the node does not give, `SharedPoolEmpty` when
   *   containers without a claim would be left with no CPU. Nothing is changed then.
   */
  reserve(claim: PreparedClaim): void {
    invariant(!this.#claims.has(claim.uid), `claim ${claim.uid} is decided once`);
    const action = `Cannot prepare claim ${describeClaim(claim)}`;
    const overlap = claim.cpus.intersection(this.#taken);
    if (!overlap.isEmpty) {
      throw new ClaimError(
        'Conflict',
        `${action}: ${nameCpus(overlap)} ${verbFor(overlap.size, 'belongs', 'belong')} to ${this.describeHolders(overlap)}`,
      );
    }
    const outside = claim.cpus.difference(this.#supply.allocatable);
    if (!outside.isEmpty) {
      throw new ClaimError(
        'NotEnoughCPUs',
        `${action}: ${nameCpus(outside)} ${verbFor(outside.size, 'is', 'are')} offline, reserved or not of this node`,
      );
    }
    if (!claim.cpus.isEmpty && this.#poolBeside(this.#taken.union(claim.cpus)).isEmpty) {
      const holders = this.#taken.isEmpty
        ? 'no other claim holds any'
        : `${this.describeHolders(this.#taken)} hold the others`;
      throw new ClaimError(
        'SharedPoolEmpty',
        `${action}: it would take the last CPUs (${claim.cpus}) from the containers without a claim; ${holders}. ` +
          'Ask for fewer CPUs, or set reservedCPUs or sharedPoolMinCPUs so that those containers keep some',
      );
    }
    this.#insert(claim);
  }

  /**
   * Takes over a claim that was given its CPUs before this process began. It is kept even if it collides with another one, because
   * its container may be running; no other claim is given a CPU of it.
   * @returns the CPUs it shares with claims known before, normally none.
   */
  adopt(claim: PreparedClaim, owner?: ClaimOwner): CpuSet {
    const overlap = claim.cpus.intersection(this.#taken);
    if (!overlap.isEmpty) this.#hasOverlaps = true;
    this.#insert(claim);
    if (owner) this.#owners.set(claim.uid, owner);
    return overlap;
  }

  /** Replaces what is known of a prepared claim, such as its users; its CPUs stay. An owner that is not a user any more loses it. */
  update(claim: PreparedClaim): void {
    const known = this.#claims.get(claim.uid);
    invariant(known?.cpus.equals(claim.cpus), `claim ${claim.uid} keeps its CPUs`);
    this.#claims.set(claim.uid, claim);
    const owner = this.#owners.get(claim.uid);
    const { users } = claim;
    if (owner && users && !users.others && !users.pods.some(({ uid }) => uid === owner.podUid)) {
      this.#owners.delete(claim.uid);
    }
  }

  /** Releases a claim's CPUs; unknown claims are not an error. */
  release(uid: string): PreparedClaim | undefined {
    const claim = this.#claims.get(uid);
    if (!claim) return undefined;
    this.#claims.delete(uid);
    this.#owners.delete(uid);
    this.#taken = this.#hasOverlaps
      ? CpuSet.unionOf([...this.#claims.values()].map((other) => other.cpus))
      : this.#taken.difference(claim.cpus);
    return claim;
  }

  /**
   * Lets a container use the claims it names, and makes it their owner.
   * @param named CPU list by claim UID, as the container's environment has it; undefined where it has none.
   * @returns the claims, whose CPUs are the container's.
   * @throws ClaimError as `checkUse` does; no owner is changed then.
   */
  admit(named: ReadonlyMap<string, string | undefined>, container: ClaimOwner): PreparedClaim[] {
    const claims = [...named].map(([uid, cpus]) =>
      checkUse(
        { uid, cpus, container },
        { claim: this.#claims.get(uid), owner: this.#owners.get(uid), sharing: this.#sharing },
      ),
    );
    for (const uid of named.keys()) this.#owners.set(uid, container);
    return claims;
  }

  /** Lets other containers use the claims whose owner is gone; the CPUs stay the claims' until these are released. */
  disown(isGone: (podUid: string, claim: PreparedClaim) => boolean): void {
    for (const [uid, { podUid }] of this.#owners) {
      const claim = this.#claims.get(uid);
      if (claim && isGone(podUid, claim)) this.#owners.delete(uid);
    }
  }

  /** "claim shop/db (CPUs 4-5)" for every claim that holds any of the CPUs. */
  describeHolders(cpus: CpuSet): string {
    const holders = this.claims.filter((claim) => claim.cpus.intersects(cpus));
    return holders.map((claim) => `claim ${describeClaim(claim)} (${nameCpus(claim.cpus)})`).join(', ');
  }

  #insert(claim: PreparedClaim): void {
    this.#claims.set(claim.uid, claim);
    this.#taken = this.#taken.union(claim.cpus);
  }

  /** The shared pool when claims hold these CPUs. */
  #poolBeside(taken: CpuSet): CpuSet {
    const { allocatable, sharedOnly = CpuSet.empty } = this.#supply;
    const pool = allocatable.union(sharedOnly).difference(taken);
    return pool.isEmpty ? this.#fallbackBeside(taken) : pool;
  }

  #fallbackBeside(taken: CpuSet): CpuSet {
    const { reserved, outside = CpuSet.empty } = this.#supply;
    return reserved.difference(outside).difference(taken);
  }
}
