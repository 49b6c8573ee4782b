import type { NamedClaims } from '../claims/claim-env.ts';
import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { NodeSet } from '../topology/topology.ts';

/** A container as the runtime describes it, reduced to what the driver decides on. */
export interface ContainerFacts {
  /** The runtime's id: a restarted container has a new one. */
  readonly id: string;
  readonly name: string;
  readonly podUid: string;
  readonly podNamespace: string;
  readonly podName: string;
  /** The claims that it names. */
  readonly claims: NamedClaims;
  /** The cpuset the runtime has for it; "" when it has none. */
  readonly cpus: string;
  /** The NUMA nodes that the runtime binds its memory to, a Linux list; "" when it binds it to none. */
  readonly mems: string;
  /** Its first process as the host numbers it; undefined before it runs. */
  readonly pid: number | undefined;
  /** Its `resources.requests.cpu` in thousandths; undefined when it has none. */
  readonly requestedMillis: number | undefined;
  /** Where its cgroup is, as the runtime says it: a path, or "slice:prefix:name" under systemd; "" when it does not say. */
  readonly cgroupsPath: string;
}

/** Where a container is to run, and where its memory is to be. */
export interface ContainerPlace {
  readonly cpus: CpuSet;
  /** NUMA nodes that its memory is bound to; undefined where the driver leaves memory alone. */
  readonly memoryNodes: NodeSet | undefined;
}

/** A container that must get another cpuset. */
export interface CpusetUpdate extends ContainerPlace {
  readonly containerId: string;
}

/** Where a container is to run, and what of that its claims give it. */
interface GrantedPlace extends ContainerPlace {
  /** The CPUs of its claims, also those that are offline; undefined for a shared container. */
  readonly exclusive: CpuSet | undefined;
  /** Whether it runs on the shared CPUs, too, because its claims ask for them. */
  readonly sharesPool: boolean;
}

/** The answer to a container's creation. */
export interface AdmittedContainer extends GrantedPlace {
  readonly updates: readonly CpusetUpdate[];
}

/** A running container that names claims which only the API server can confirm. */
export interface UnverifiedContainer {
  readonly facts: ContainerFacts;
}

/** A container with its CPUs, as pages show it. */
export interface PlacedContainer {
  readonly podUid: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly name: string;
  readonly cpus: CpuSet;
  /** UIDs of the claims that give it its CPUs; empty for a shared container. */
  readonly claimUids: readonly string[];
}

/** A container and where it is meant to run. */
export interface DecidedContainer extends GrantedPlace {
  readonly facts: ContainerFacts;
  /** Empty when there is no CPU for it. */
  readonly cpus: CpuSet;
  /** UIDs of the claims that give it its CPUs; empty for a shared container, whatever its environment names. */
  readonly claimUids: readonly string[];
}

/** A container with claims, as it was created. */
export interface ClaimedContainer {
  readonly facts: ContainerFacts;
  /** How many CPUs its claims give it. */
  readonly claimedCpus: number;
  /** Whether it runs on the shared CPUs, too, of which it may ask for a part. */
  readonly sharesPool: boolean;
}

/** "namespace/pod/container", as messages name a container. */
export function describeContainer(facts: Pick<ContainerFacts, 'podNamespace' | 'podName' | 'name'>): string {
  return `${facts.podNamespace}/${facts.podName}/${facts.name}`;
}
