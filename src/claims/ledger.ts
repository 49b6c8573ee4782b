import { CpuSet } from '../cpuset/cpu-set.ts';
import type { NodeSet } from '../topology/topology.ts';
import { type ClaimReference, describeClaim } from './claim.ts';
import { ClaimError } from './claim-error.ts';

/** The CPUs that one allocated device of a claim got; empty under administrative access. */
export interface Assignment {
  readonly request: string;
  readonly pool: string;
  readonly device: string;
  readonly shareId: string | undefined;
  readonly cpus: CpuSet;
  /** How they were chosen: a placement policy, `cpuset`, `device` or `adminAccess`; undefined where older files do not tell. */
  readonly policy?: string;
  /** Why these CPUs, in sentences. */
  readonly why?: readonly string[];
}

/** A claim that has its CPUs. Claims that were read from another driver's files have no assignments and may have no name. */
export interface PreparedClaim extends ClaimReference {
  readonly assignments: readonly Assignment[];
  /** The CPUs of all assignments. */
  readonly cpus: CpuSet;
  /** The NUMA nodes that the memory of its container is bound to, local to its CPUs; undefined where it is not bound. */
  readonly memoryNodes?: NodeSet;
  /** Whether its container runs in the shared pool besides; default not. */
  readonly sharesPool?: boolean;
}

/** The one container that may use a claim; a restarted container is the same owner under a new container id. */
export interface ClaimOwner {
  readonly podUid: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly containerName: string;
}

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

/** "container main of pod shop/db", as messages name an owner. */
function describeOwner(owner: ClaimOwner): string {
  return `container ${owner.containerName} of pod ${owner.podNamespace}/${owner.podName}`;
}

/** A variable that is in the pod's spec, or one of a claim that was released or prepared anew under a container that waits. */
const ENV_REMEDY =
  'remove the variable from the pod; if its spec has none, delete the pod, so that its claim is prepared again';

/** Who may use a claim besides its first container: nobody, or the containers of the same pod. */
export type ClaimSharing = 'none' | 'pod';

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
    const action = `Cannot prepare claim ${describeClaim(claim)}`;
    const overlap = claim.cpus.intersection(this.#taken);
    if (!overlap.isEmpty) {
      throw new ClaimError('Conflict', `${action}: CPUs ${overlap} belong to ${this.describeHolders(overlap)}`);
    }
    const outside = claim.cpus.difference(this.#supply.allocatable);
    if (!outside.isEmpty) {
      throw new ClaimError('NotEnoughCPUs', `${action}: CPUs ${outside} are offline, reserved or not of this node`);
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
   * Takes over a claim that was given its CPUs before this process began. It is kept whatever it collides with, because its
   * container may be running; no CPU of it is given to anybody else.
   * @returns the CPUs it shares with claims known before, normally none.
   */
  adopt(claim: PreparedClaim): CpuSet {
    const overlap = claim.cpus.intersection(this.#taken);
    this.#insert(claim);
    return overlap;
  }

  /** Gives a claim's CPUs back; unknown claims are no error. */
  release(uid: string): PreparedClaim | undefined {
    const claim = this.#claims.get(uid);
    this.#claims.delete(uid);
    this.#owners.delete(uid);
    this.#taken = CpuSet.unionOf([...this.#claims.values()].map((other) => other.cpus));
    return claim;
  }

  /**
   * Lets a container use the claims its environment names, and makes it their owner.
   * @returns the union of the claims' CPUs.
   * @throws ClaimError `UnknownClaim`, `ClaimMismatch` or `ClaimInUse`; no owner is changed then.
   */
  admit(wanted: ReadonlyMap<string, CpuSet>, container: ClaimOwner): CpuSet {
    const action = `Cannot admit ${describeOwner(container)}`;
    for (const [uid, cpus] of wanted) {
      const claim = this.#claims.get(uid);
      if (!claim) {
        throw new ClaimError(
          'UnknownClaim',
          `${action}: its environment gives it CPUs ${cpus} of claim UID ${uid}, which is not prepared on this node; ${ENV_REMEDY}`,
        );
      }
      // A claim that another driver's file gave has no name, and neither has the pod of a container that the runtime lists alone.
      const isNamed = claim.assignments.length > 0 && container.podNamespace !== '';
      if (isNamed && claim.namespace !== container.podNamespace) {
        throw new ClaimError(
          'ClaimMismatch',
          `${action}: its environment gives it CPUs ${cpus} of claim ${describeClaim(claim)}, which is for pods of namespace ` +
            `${claim.namespace} only; ${ENV_REMEDY}`,
        );
      }
      if (!claim.cpus.equals(cpus)) {
        throw new ClaimError(
          'ClaimMismatch',
          `${action}: its environment gives it CPUs ${cpus} of claim ${describeClaim(claim)}, which holds CPUs ${claim.cpus}; ${ENV_REMEDY}`,
        );
      }
      const owner = this.#owners.get(uid);
      if (owner && !this.#maySucceed(owner, container)) {
        const rule =
          this.#sharing === 'pod' ? 'the containers of one pod may share a claim' : 'a claim serves one container';
        throw new ClaimError(
          'ClaimInUse',
          `${action}: claim ${describeClaim(claim)} is used by ${describeOwner(owner)}; ${rule}, ` +
            `give each ${this.#sharing === 'pod' ? 'pod' : 'container'} a claim of its own (a ResourceClaimTemplate does)`,
        );
      }
    }
    for (const uid of wanted.keys()) this.#owners.set(uid, container);
    return CpuSet.unionOf(wanted.values());
  }

  /** Lets the claims of pods that are gone be used by others; their CPUs stay theirs until the claims are released. */
  disown(isGone: (podUid: string) => boolean): void {
    for (const [uid, { podUid }] of this.#owners) if (isGone(podUid)) this.#owners.delete(uid);
  }

  /** "claim shop/db (CPUs 4-5)" for every claim that holds any of the CPUs. */
  describeHolders(cpus: CpuSet): string {
    const holders = this.claims.filter((claim) => claim.cpus.intersects(cpus));
    return holders.map((claim) => `claim ${describeClaim(claim)} (CPUs ${claim.cpus})`).join(', ');
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

  #maySucceed(owner: ClaimOwner, container: ClaimOwner): boolean {
    const isSameContainer = this.#sharing === 'pod' || owner.containerName === container.containerName;
    return owner.podUid === container.podUid && isSameContainer;
  }
}
