import { CPUSET_ENV_PREFIX, parseClaimEnv } from '../claims/claim-env.ts';
import { ClaimError } from '../claims/claim-error.ts';
import type { Ledger } from '../claims/ledger.ts';
import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { Log } from '../lib/log.ts';

/** A container as the runtime describes it, reduced to what the driver decides on. */
export interface ContainerFacts {
  /** The runtime's id: a restarted container has a new one. */
  readonly id: string;
  readonly name: string;
  readonly podUid: string;
  readonly podNamespace: string;
  readonly podName: string;
  /** "NAME=value" entries. */
  readonly env: readonly string[];
  /** The cpuset the runtime has for it; "" when it has none. */
  readonly cpus: string;
}

/** A container that must get another cpuset. */
export interface CpusetUpdate {
  readonly containerId: string;
  readonly cpus: CpuSet;
}

/** The answer to a container's creation. */
export interface Admission {
  readonly cpus: CpuSet;
  readonly updates: readonly CpusetUpdate[];
}

/** A container with its CPUs, for those who look. */
export interface PlacedContainer {
  readonly podNamespace: string;
  readonly podName: string;
  readonly name: string;
  readonly cpus: CpuSet;
  /** UIDs of the claims that give it its CPUs; empty for a shared container. */
  readonly claimUids: readonly string[];
}

/** A container being followed, and the cpuset the runtime was last told. */
interface FollowedContainer {
  readonly facts: ContainerFacts;
  /** Set for a container with claims; shared containers follow the pool. */
  readonly exclusive: CpuSet | undefined;
  told: string;
}

function describeContainer(facts: ContainerFacts): string {
  return `${facts.podNamespace}/${facts.podName}/${facts.name}`;
}

/**
 * The containers of the node and their cpusets. Every answer comes from memory. Containers with claims get the claims' CPUs,
 * all others the shared pool; only containers whose set really changes are updated.
 */
export class Containers {
  readonly #ledger: Ledger;
  readonly #log: Log;
  readonly #followed = new Map<string, FollowedContainer>();

  constructor(ledger: Ledger, log: Log) {
    this.#ledger = ledger;
    this.#log = log;
  }

  /** Cpusets wanted now, by container id. */
  get wanted(): ReadonlyMap<string, CpuSet> {
    return new Map([...this.#followed].map(([id, container]) => [id, this.#cpusOf(container)]));
  }

  /** Every container that is followed, in the order in which they came. */
  get placed(): readonly PlacedContainer[] {
    return [...this.#followed.values()].map((container) => {
      const { podNamespace, podName, name, env } = container.facts;
      const claimUids = container.exclusive === undefined ? [] : [...parseClaimEnv(env).keys()];
      return { podNamespace, podName, name, cpus: this.#cpusOf(container), claimUids };
    });
  }

  /** Whether a container names the claim, whatever came of it. */
  usesClaim(uid: string): boolean {
    return [...this.#followed.values()].some(({ facts }) =>
      facts.env.some((entry) => entry.startsWith(`${CPUSET_ENV_PREFIX}${uid}=`)),
    );
  }

  /**
   * Decides on a new container.
   * @throws ClaimError when its environment is malformed or names a claim it may not use; the runtime then refuses it.
   */
  create(facts: ContainerFacts): Admission {
    const exclusive = this.#admit(facts);
    const cpus = exclusive ?? this.#ledger.sharedPool;
    if (cpus.isEmpty) {
      throw new ClaimError(
        'SharedPoolEmpty',
        `Cannot admit container ${describeContainer(facts)}: claims hold every CPU of the node and none is reserved, so that ` +
          'no CPU is left for it; set reservedCPUs or delete a pod with a claim',
      );
    }
    const updates = this.#collectUpdates();
    this.#followed.set(facts.id, { facts, exclusive, told: cpus.toString() });
    this.#log.info('container placed', {
      container: describeContainer(facts),
      cpus: cpus.toString(),
      exclusive: exclusive !== undefined,
      updates: updates.length,
    });
    return { cpus, updates };
  }

  /** Somebody changed the container's resources: its cpuset is stated again. */
  update(facts: ContainerFacts): readonly CpusetUpdate[] {
    const container = this.#followed.get(facts.id);
    if (!container) return [];
    const cpus = this.#cpusOf(container);
    container.told = cpus.toString();
    return [{ containerId: facts.id, cpus }];
  }

  /** A container ended; its claim keeps the CPUs until the kubelet unprepares it. */
  remove(id: string): readonly CpusetUpdate[] {
    this.#followed.delete(id);
    return this.#collectUpdates();
  }

  /**
   * Takes the runtime's list of containers as the truth after a connection was made. A container that may not have what its
   * environment says is confined to the shared pool and reported; it spoils nothing for the others.
   */
  synchronize(list: readonly ContainerFacts[]): readonly CpusetUpdate[] {
    this.#followed.clear();
    for (const facts of list) {
      this.#followed.set(facts.id, { facts, exclusive: this.#admitRunning(facts), told: facts.cpus });
    }
    const updates = this.#collectUpdates();
    this.#log.info('containers synchronised', { containers: list.length, updates: updates.length });
    return updates;
  }

  /** The updates that are due since the runtime was last told, for instance after a claim was released. */
  takeDueUpdates(): readonly CpusetUpdate[] {
    return this.#collectUpdates();
  }

  /** The runtime was told but did not obey: the container is due again. */
  forgetTold(id: string): void {
    const container = this.#followed.get(id);
    if (container) container.told = '';
  }

  #cpusOf(container: FollowedContainer): CpuSet {
    return container.exclusive ?? this.#ledger.sharedPool;
  }

  /** The CPUs of a container's claims, or undefined when it has none. */
  #admit(facts: ContainerFacts): CpuSet | undefined {
    const wanted = parseClaimEnv(facts.env);
    if (wanted.size === 0) return undefined;
    const { podUid, podNamespace, podName, name } = facts;
    return this.#ledger.admit(wanted, { podUid, podNamespace, podName, containerName: name });
  }

  #admitRunning(facts: ContainerFacts): CpuSet | undefined {
    try {
      return this.#admit(facts);
    } catch (error) {
      if (!(error instanceof ClaimError)) throw error;
      this.#log.error('running container confined to the shared pool', {
        container: describeContainer(facts),
        reason: error.message,
      });
      return undefined;
    }
  }

  /** Shared and exclusive containers whose cpuset differs from what the runtime was told; an empty pool tells nothing. */
  #collectUpdates(): CpusetUpdate[] {
    const updates: CpusetUpdate[] = [];
    for (const [containerId, container] of this.#followed) {
      const cpus = this.#cpusOf(container);
      const text = cpus.toString();
      if (text === container.told || cpus.isEmpty) continue;
      container.told = text;
      updates.push({ containerId, cpus });
    }
    return updates;
  }
}
