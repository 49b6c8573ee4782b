import { ClaimError } from '../claims/claim-error.ts';
import type { Ledger } from '../claims/ledger.ts';
import type { PreparedClaim } from '../claims/prepared-claim.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { tryParseCpuList } from '../cpuset/parse.ts';
import type { NodeSet } from '../topology/topology.ts';
import type { ContainerFacts } from './container.ts';
import { describeContainer } from './container.ts';

/** What a container's claims give it. */
export interface Grant {
  readonly claimUids: readonly string[];
  readonly cpus: CpuSet;
  /** Decided once, so that its memory stays where it is when CPUs go offline. */
  readonly memoryNodes: NodeSet | undefined;
  /** Whether the container runs in the shared pool, too. */
  readonly sharesPool: boolean;
}

/** By what a container's cpuset is decided. */
export type Placement =
  | { readonly kind: 'shared' }
  | ({ readonly kind: 'exclusive' } & Grant)
  /** `keeps` when it was pinned to just these CPUs before, so that a driver has confirmed them once. */
  | { readonly kind: 'unverified'; readonly cpus: CpuSet; readonly keeps: boolean };

/** Texts of one set of CPUs are at most this many times as long as the one that the driver writes. */
const LENGTH_FACTOR = 4;

/** What admission needs of the world. */
export interface AdmissionPorts {
  /** The NUMA nodes whose memory is local to CPUs. */
  readonly findMemoryNodes: (cpus: CpuSet) => NodeSet;
  /** A claim got another owner, which its record is to keep. */
  readonly onOwned: (uid: string) => void;
}

/** Decides what the claims that containers name give them. */
export class Admission {
  readonly #ledger: Ledger;
  readonly #ports: AdmissionPorts;

  constructor(ledger: Ledger, ports: AdmissionPorts) {
    this.#ledger = ledger;
    this.#ports = ports;
  }

  /**
   * What a container's claims give it, or undefined when it names none.
   * @throws ClaimError when it may not use one of them.
   */
  admit({ claims, podUid, podNamespace, podName, name }: ContainerFacts): Grant | undefined {
    const { byUid, problem } = claims;
    if (problem !== undefined) throw new ClaimError('MalformedEnv', `Cannot admit the container: ${problem}`);
    if (byUid.size === 0) return undefined;
    const claimUids = [...byUid.keys()];
    const owners = claimUids.map((uid) => this.#ledger.ownerOf(uid));
    const granted = this.#ledger.admit(byUid, { podUid, podNamespace, podName, containerName: name });
    for (const [index, uid] of claimUids.entries()) {
      const before = owners[index];
      if (before?.podUid !== podUid || before.containerName !== name) this.#ports.onOwned(uid);
    }
    return {
      claimUids,
      cpus: CpuSet.unionOf(granted.map(({ cpus }) => cpus)),
      memoryNodes: this.#bindMemory(granted),
      // A container has one cpuset, so that one claim that asks is enough.
      sharesPool: granted.some(({ sharesPool }) => sharesPool),
    };
  }

  /**
   * How a running container is placed whose claims only the API server can confirm. Until it is asked the container keeps its CPUs only
   * if it runs on just these already, no other claim or container has them, and others are left for the shared containers. A forged
   * environment fulfils none of this by itself.
   * @param kept CPUs that other unverified containers keep.
   */
  placeUnverified(facts: ContainerFacts, kept: CpuSet): Placement {
    const cpus = readUnverifiedCpus(facts);
    const { byUid } = facts.claims;
    const ofClaims = CpuSet.unionOf([...byUid.keys()].map((uid) => this.#ledger.find(uid)?.cpus ?? CpuSet.empty));
    const pool = this.#ledger.sharedPool.difference(kept);
    const isFree = cpus.isSubsetOf(pool.union(ofClaims)) && !cpus.intersects(kept);
    const keeps = !cpus.isEmpty && isFree && !pool.difference(cpus).isEmpty;
    return { kind: 'unverified', cpus, keeps };
  }

  /**
   * The order in which running containers are admitted: who a claim's record names as its owner, who runs on the claim's CPUs already,
   * then all others. Otherwise a container that comes first in the runtime's list could take a claim from the one that uses it.
   */
  rank({ claims, cpus, podUid, name }: ContainerFacts): number {
    const uids = [...claims.byUid.keys()];
    const isOwner = uids.some((uid) => {
      const owner = this.#ledger.ownerOf(uid);
      return owner?.podUid === podUid && owner.containerName === name;
    });
    if (isOwner) return 0;
    const isPinned = cpus !== '' && uids.some((uid) => this.#ledger.find(uid)?.cpus.toString() === cpus);
    return isPinned ? 1 : 2;
  }

  /**
   * The NUMA nodes of all CPUs of a container's claims, once one of the claims binds memory: the container's threads run on
   * all of them, and each is to have local memory. Undefined when none does. Shared CPUs do not count: they change with other
   * claims, and memory would move with them.
   */
  #bindMemory(claims: readonly PreparedClaim[]): NodeSet | undefined {
    if (!claims.some(({ memoryNodes }) => memoryNodes)) return undefined;
    return CpuSet.unionOf(claims.map(({ cpus, memoryNodes }) => memoryNodes ?? this.#ports.findMemoryNodes(cpus)));
  }
}

/** The CPUs that an unverified container both names and runs on; empty when these differ. */
function readUnverifiedCpus({ claims, cpus }: ContainerFacts): CpuSet {
  const named = [...claims.byUid.values()].filter((text) => text !== undefined);
  const lengthBytes = named.reduce((sum, { length }) => sum + length, 0);
  if (cpus === '' || lengthBytes > (cpus.length + 1) * LENGTH_FACTOR) return CpuSet.empty;
  const real = tryParseCpuList(cpus) ?? CpuSet.empty;
  const isNamed = CpuSet.unionOf(named.map((text) => tryParseCpuList(text) ?? CpuSet.empty)).equals(real);
  return named.length === 0 || isNamed ? real : CpuSet.empty;
}

/** The message for a container for which no CPU is left. */
export function poolEmptyError(facts: ContainerFacts): ClaimError {
  return new ClaimError(
    'SharedPoolEmpty',
    `Cannot admit container ${describeContainer(facts)}: claims hold every CPU of the node and none is reserved, so that ` +
      'no CPU is left for it; set reservedCPUs or delete a pod with a claim',
  );
}
