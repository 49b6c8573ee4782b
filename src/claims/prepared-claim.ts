import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { NodeSet } from '../topology/topology.ts';
import type { ClaimReference } from './claim.ts';
import type { ClaimUsers } from './claim-object.ts';

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
  /** The claim's name in the pod's spec when it was made from a template. */
  readonly podClaimName?: string;
  /** Whose containers may use it; undefined until the API server has confirmed a claim that another driver prepared. */
  readonly users?: ClaimUsers;
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

/** Which containers may use a claim in addition to its first one: none, or those of the same pod. */
export type ClaimSharing = 'none' | 'pod';
