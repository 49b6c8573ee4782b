import { describeClaim } from '../claims/claim.ts';
import { ClaimError, type ClaimErrorCode } from '../claims/claim-error.ts';
import type { Ledger } from '../claims/ledger.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import type { Log } from '../lib/log.ts';
import type { NodeSet } from '../topology/topology.ts';
import { Admission, type Grant, type Placement, poolEmptyError } from './admission.ts';
import {
  type AdmittedContainer,
  type ContainerFacts,
  type CpusetUpdate,
  type DecidedContainer,
  describeContainer,
  type PlacedContainer,
  type UnverifiedContainer,
} from './container.ts';

/**
 * What Synchronize found: `missed` is a container that was created without the driver and had every CPU, `confined` one
 * whose environment names CPUs that it may not have.
 */
export type SynchronizeFinding = 'missed' | 'confined';

/** What the containers of a node need of the world. */
export interface ContainersPorts {
  /** The NUMA nodes whose memory is local to CPUs; none by default. */
  readonly findMemoryNodes?: (cpus: CpuSet) => NodeSet;
  readonly onFinding?: (finding: SynchronizeFinding) => void;
  /** A claim got another owner, which its record is to keep. */
  readonly onOwned?: (uid: string) => void;
  /** Whether a container may use a claim has come into doubt, or its owner is gone: the API server knows the claim's pods. */
  readonly onDoubt?: (uid: string, podNamespace?: string) => void;
  /** UID of the driver's own pod, whose container may well have been created without a driver. */
  readonly ownPodUid?: string | undefined;
}

/** A container being followed, and the cpuset the runtime was last told, as `describePlace`; "" when that is not known. */
interface FollowedContainer {
  facts: ContainerFacts;
  placement: Placement;
  told: string;
  /** The containers that the answer to its creation updated; the runtime forgot these updates if another plugin then failed. */
  readonly updated?: readonly string[];
}

const SHARED: Placement = { kind: 'shared' };

/** Refusals that the API server may know better: the claim was reserved for another pod meanwhile, or not asked for yet. */
const DOUBTFUL: ReadonlySet<ClaimErrorCode> = new Set(['NotConfirmed', 'NotReserved', 'ClaimInUse']);

/** A place as one text, to be compared. */
function describePlace(cpus: string, mems: string | undefined): string {
  return mems === undefined ? cpus : `${cpus} memory ${mems}`;
}

/** The NUMA nodes that a container's memory is bound to, whatever CPUs of its claims are online. */
function memoryNodesOf(placement: Placement): NodeSet | undefined {
  return placement.kind === 'exclusive' ? placement.memoryNodes : undefined;
}

/**
 * The containers of the node and their cpusets. Every answer comes from memory. Containers with claims get the claims' CPUs,
 * all others the shared pool, and those whose claims ask for it both; only containers whose set really changes are updated. CPUs
 * that are offline are never asked for; a container whose CPUs are all offline shares the pool until one is back.
 */
export class Containers {
  readonly #ledger: Ledger;
  readonly #log: Log;
  readonly #admission: Admission;
  readonly #onFinding: (finding: SynchronizeFinding) => void;
  readonly #onDoubt: (uid: string, podNamespace?: string) => void;
  readonly #ownPodUid: string | undefined;
  readonly #followed = new Map<string, FollowedContainer>();
  #online: CpuSet | undefined;
  /** The last container of each claim that was reported to have ended: its processes may still be there. */
  readonly #ended = new Map<string, ContainerFacts>();
  /** CPUs that unverified containers keep. */
  #kept = CpuSet.empty;

  constructor(ledger: Ledger, log: Log, ports: ContainersPorts = {}) {
    const {
      findMemoryNodes = () => CpuSet.empty,
      onFinding = () => {},
      onOwned = () => {},
      onDoubt = () => {},
    } = ports;
    this.#ledger = ledger;
    this.#log = log;
    this.#admission = new Admission(ledger, { findMemoryNodes, onOwned });
    this.#onFinding = onFinding;
    this.#onDoubt = onDoubt;
    this.#ownPodUid = ports.ownPodUid;
  }

  /** Every container that is followed, in the order in which they came. */
  get placed(): readonly PlacedContainer[] {
    return this.decided.map(({ facts: { podUid, podNamespace, podName, name }, cpus, claimUids }) => {
      return { podUid, podNamespace, podName, name, cpus, claimUids };
    });
  }

  /** Every container and the cpuset it is to have now. */
  get decided(): readonly DecidedContainer[] {
    const pool = this.#sharedPool();
    return [...this.#followed.values()].map((container) => this.#describe(container, pool));
  }

  /** One container of `decided`. */
  find(id: string): DecidedContainer | undefined {
    const container = this.#followed.get(id);
    return container && this.#describe(container, this.#sharedPool());
  }

  /** Containers that have the claim's CPUs, or may turn out to; one that names it and was confined does not use it. */
  usersOf(uid: string): readonly ContainerFacts[] {
    return [...this.#followed.values()].flatMap(({ facts, placement }) =>
      placement.kind !== 'shared' && facts.claims.byUid.has(uid) ? [facts] : [],
    );
  }

  /** Containers of a claim that may have processes: those that have its CPUs, and the last one that was reported to have ended. */
  mayRun(uid: string): readonly ContainerFacts[] {
    const ended = this.#ended.get(uid);
    return [...this.usersOf(uid), ...(ended ? [ended] : [])];
  }

  /** Running containers whose claims must be asked for. */
  get unverified(): readonly UnverifiedContainer[] {
    return [...this.#followed.values()].flatMap(({ facts, placement }) =>
      placement.kind === 'unverified' ? [{ facts }] : [],
    );
  }

  /**
   * Decides on a new container.
   * @throws ClaimError when its environment is malformed or names a claim it may not use; the runtime then refuses it.
   */
  create(facts: ContainerFacts): AdmittedContainer {
    const grant = this.#admit(facts);
    const placement: Placement = grant ? { kind: 'exclusive', ...grant } : SHARED;
    const cpus = this.#cpusOf(placement, this.#sharedPool());
    const memoryNodes = memoryNodesOf(placement);
    if (cpus.isEmpty) throw poolEmptyError(facts);
    // An update of the container being created would make its creation fail. One of its name that never ran has failed.
    for (const { facts: other } of this.#followed.values()) {
      const isEarlier = other.pid === undefined && other.podUid === facts.podUid && other.name === facts.name;
      if (isEarlier || other.id === facts.id) this.forget(other.id);
    }
    const updates = this.takeDueUpdates();
    const told = describePlace(cpus.toString(), memoryNodes?.toString());
    const updated = updates.map(({ containerId }) => containerId);
    this.#followed.set(facts.id, { facts, placement, told, updated });
    this.#log.info('container placed', {
      container: describeContainer(facts),
      cpus: cpus.toString(),
      ...(grant?.sharesPool && { exclusive: grant.cpus.toString() }),
      ...(memoryNodes && { memoryNodes: memoryNodes.toString() }),
      ...(grant && { claims: this.#nameClaims(grant.claimUids) }),
      updates: updates.length,
    });
    return { cpus, memoryNodes, exclusive: grant?.cpus, sharesPool: grant?.sharesPool ?? false, updates };
  }

  /**
   * The container runs: from now on it has a process. One that is not followed was being created while the runtime listed its
   * containers, and got no answer of this driver (containerd/containerd#13698).
   * @returns whether it was followed.
   */
  started(facts: ContainerFacts): boolean {
    const container = this.#followed.get(facts.id);
    if (!container) this.#follow(facts);
    else if (facts.pid !== undefined) container.facts = { ...container.facts, pid: facts.pid };
    return container !== undefined;
  }

  /**
   * The container's resources are changed: its cpuset is stated again, whatever is asked for.
   * @param requestedMillis the new request; undefined when it stays.
   */
  update(facts: ContainerFacts, requestedMillis?: number): readonly CpusetUpdate[] {
    const { id } = facts;
    const container = this.#followed.get(id);
    if (!container) this.#follow(facts);
    if (container && requestedMillis !== undefined) container.facts = { ...container.facts, requestedMillis };
    this.forgetTold(id);
    return this.takeDueUpdates();
  }

  /** A container ended; its claim keeps the CPUs until the kubelet unprepares it. Ids that are not followed are no error. */
  remove(id: string): readonly CpusetUpdate[] {
    this.forget(id);
    return this.takeDueUpdates();
  }

  /** The same where there is no answer that updates could go into: what is due stays due. */
  forget(id: string): void {
    const container = this.#followed.get(id);
    this.#followed.delete(id);
    if (container?.placement.kind === 'exclusive') this.#noteEnded(container.facts, container.placement);
    // Runtimes take back a creation that failed by stopping and removing what never ran (containerd), or say nothing (CRI-O).
    if (container?.facts.pid === undefined) for (const other of container?.updated ?? []) this.forgetTold(other);
    this.#countKept();
  }

  /**
   * A pod's sandbox ended, and its containers before it. The kubelet may make another one for the same pod; once the pod itself is
   * gone, a claim that another pod shares with it is that one's to use.
   */
  podEnded(podUid: string): void {
    // Of a pod with another sandbox already.
    if ([...this.#followed.values()].some(({ facts }) => facts.podUid === podUid)) return;
    this.#disown((owner) => owner === podUid);
  }

  /** Claims of a group of pods are given on at once; of others the API server knows whether the pod is still among their users. */
  #disown(isGone: (podUid: string) => boolean): void {
    this.#ledger.disown((podUid, { uid, users }) => {
      if (!isGone(podUid)) return false;
      if (!users?.others) this.#onDoubt(uid);
      return users?.others ?? false;
    });
  }

  /**
   * Takes the runtime's list of containers as the truth after a connection was made. A container that may not have what its
   * environment says is confined to the shared pool and reported; it spoils nothing for the others.
   * @param podUids the pods there are; those that are not named ended meanwhile.
   */
  synchronize(list: readonly ContainerFacts[], podUids?: ReadonlySet<string>): readonly CpusetUpdate[] {
    this.#followed.clear();
    if (podUids) this.#disown((owner) => !podUids.has(owner));
    this.#kept = CpuSet.empty;
    // In this order, so that what one keeps is kept from those that come after it.
    const ranked = list.map((facts) => ({ facts, rank: this.#admission.rank(facts) })).sort((a, b) => a.rank - b.rank);
    for (const { facts } of ranked) this.#follow(facts);
    const missed = list.filter((facts) => this.#isMissed(facts)).length;
    const updates = this.takeDueUpdates();
    this.#log.info('containers synchronised', { containers: list.length, missed, updates: updates.length });
    return updates;
  }

  /** Takes in a container that exists already, with the cpuset that the runtime has for it. */
  #follow(facts: ContainerFacts): void {
    if (this.#isMissed(facts)) {
      this.#onFinding('missed');
      this.#log.warn('container had been created without the driver', { container: describeContainer(facts) });
    }
    const placement = this.#placeRunning(facts);
    const told = describePlace(facts.cpus, memoryNodesOf(placement) && facts.mems);
    this.#followed.set(facts.id, { facts, placement, told });
  }

  /** Remembers a container that ended, for as long as its claims are held. */
  #noteEnded(facts: ContainerFacts, { claimUids }: Grant): void {
    if (facts.pid === undefined) return;
    for (const uid of this.#ended.keys()) if (!this.#ledger.find(uid)) this.#ended.delete(uid);
    for (const uid of claimUids) this.#ended.set(uid, facts);
  }

  #isMissed({ cpus, podUid }: ContainerFacts): boolean {
    return cpus === '' && podUid !== this.#ownPodUid;
  }

  /** Decides again on a container that was unverified, now that its claims were asked for. */
  settleUnverified(id: string): void {
    const container = this.#followed.get(id);
    if (container?.placement.kind !== 'unverified') return;
    container.placement = this.#placeRunning(container.facts, { isLast: true });
    this.#countKept();
  }

  /** CPUs came or went. Containers are due when that changes their sets. */
  observeOnline(online: CpuSet): void {
    this.#online = online;
  }

  /** The updates that are due since the runtime was last told. */
  get dueUpdates(): CpusetUpdate[] {
    const pool = this.#sharedPool();
    const poolText = pool.toString();
    const updates: CpusetUpdate[] = [];
    for (const [containerId, container] of this.#followed) {
      const cpus = this.#cpusOf(container.placement, pool);
      const memoryNodes = memoryNodesOf(container.placement);
      const text = cpus === pool && !memoryNodes ? poolText : describePlace(cpus.toString(), memoryNodes?.toString());
      // An empty set would tell the runtime nothing.
      if (text !== container.told && !cpus.isEmpty) updates.push({ containerId, cpus, memoryNodes });
    }
    return updates;
  }

  /** The same for an answer: they count as told from now on. */
  takeDueUpdates(): CpusetUpdate[] {
    const updates = this.dueUpdates;
    for (const update of updates) this.#tell(update);
    return updates;
  }

  /**
   * What the containers of updates sent a while ago are to have now, for an answer that the runtime takes among those of hooks:
   * they count as told from now on.
   */
  renewUpdates(updates: readonly CpusetUpdate[]): CpusetUpdate[] {
    return updates.flatMap(({ containerId }) => {
      const now = this.find(containerId);
      if (!now || now.cpus.isEmpty) return [];
      const update = { containerId, cpus: now.cpus, memoryNodes: now.memoryNodes };
      this.#tell(update);
      return [update];
    });
  }

  /** Updates set out for the runtime outside a hook. Until they are settled nobody knows what it has, and answers repeat them. */
  sendUpdates(updates: readonly CpusetUpdate[]): void {
    for (const { containerId } of updates) this.forgetTold(containerId);
  }

  /**
   * Says what became of updates sent outside a hook. One that was not applied is due again; so is one that an answer with another
   * one overtook meanwhile, because nobody knows which of the two the runtime heard last.
   */
  settleUpdates(updates: readonly CpusetUpdate[], { applied }: { applied: boolean }): void {
    for (const { containerId, cpus, memoryNodes } of updates) {
      const container = this.#followed.get(containerId);
      const text = describePlace(cpus.toString(), memoryNodes?.toString());
      if (container) container.told = applied && (container.told === '' || container.told === text) ? text : '';
    }
  }

  /** The container has, or may have, another cpuset than it was told: it is due again. */
  forgetTold(id: string): void {
    const container = this.#followed.get(id);
    if (container) container.told = '';
  }

  #tell({ containerId, cpus, memoryNodes }: CpusetUpdate): void {
    const container = this.#followed.get(containerId);
    if (container) container.told = describePlace(cpus.toString(), memoryNodes?.toString());
  }

  #describe({ facts, placement }: FollowedContainer, pool: CpuSet): DecidedContainer {
    const grant = placement.kind === 'exclusive' ? placement : undefined;
    return {
      facts,
      cpus: this.#cpusOf(placement, pool),
      memoryNodes: memoryNodesOf(placement),
      exclusive: grant?.cpus,
      sharesPool: grant?.sharesPool ?? false,
      claimUids: grant?.claimUids ?? [],
    };
  }

  /** Claims as people know them. */
  #nameClaims(uids: readonly string[]): string {
    return uids.map((uid) => describeClaim(this.#ledger.find(uid) ?? { namespace: 'unknown', name: uid })).join();
  }

  #cpusOf(placement: Placement, pool: CpuSet): CpuSet {
    if (placement.kind === 'shared' || (placement.kind === 'unverified' && !placement.keeps)) return pool;
    const own = this.#onlineOf(placement.cpus);
    if (own.isEmpty) return pool;
    return placement.kind === 'exclusive' && placement.sharesPool ? own.union(pool) : own;
  }

  /** The shared CPUs but for those that unverified containers keep; the reserved ones when all others are offline. */
  #sharedPool(): CpuSet {
    const { sharedPool, fallbackPool } = this.#ledger;
    const pool = this.#onlineOf(sharedPool.difference(this.#kept));
    return pool.isEmpty ? this.#onlineOf(fallbackPool) : pool;
  }

  #onlineOf(cpus: CpuSet): CpuSet {
    return this.#online ? cpus.intersection(this.#online) : cpus;
  }

  #countKept(): void {
    if (this.#kept.isEmpty) return;
    const kept = [...this.#followed.values()].flatMap(({ placement }) =>
      placement.kind === 'unverified' && placement.keeps ? [placement.cpus] : [],
    );
    this.#kept = CpuSet.unionOf(kept);
  }

  /** What a container's claims give it. A refusal that the API server may know better makes the driver ask it. */
  #admit(facts: ContainerFacts): Grant | undefined {
    try {
      return this.#admission.admit(facts);
    } catch (error) {
      if (error instanceof ClaimError && DOUBTFUL.has(error.code)) {
        for (const uid of facts.claims.byUid.keys()) this.#onDoubt(uid, facts.podNamespace);
      }
      throw error;
    }
  }

  #placeRunning(facts: ContainerFacts, { isLast = false } = {}): Placement {
    try {
      const grant = this.#admit(facts);
      return grant ? { kind: 'exclusive', ...grant } : SHARED;
    } catch (error) {
      if (!(error instanceof ClaimError)) throw error;
      const isUnknown = error.code === 'UnknownClaim' || error.code === 'NotConfirmed';
      if (isUnknown && !isLast) return this.#placeUnverified(facts);
      this.#onFinding('confined');
      this.#log.error('running container confined to the shared pool', {
        container: describeContainer(facts),
        reason: error.message,
      });
      return SHARED;
    }
  }

  #placeUnverified(facts: ContainerFacts): Placement {
    const placement = this.#admission.placeUnverified(facts, this.#kept);
    if (placement.kind === 'unverified' && placement.keeps) this.#kept = this.#kept.union(placement.cpus);
    return placement;
  }
}
