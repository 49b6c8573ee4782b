import { readNamedClaims } from '../../claims/claim-env.ts';
import type { PreparedClaim } from '../../claims/prepared-claim.ts';
import type { CpuSet } from '../../cpuset/cpu-set.ts';
import { parseCpuList } from '../../cpuset/parse.ts';
import type { ContainerFacts } from '../container.ts';

/** A running container with this environment; its pod is its own and has its name unless `facts` say otherwise. */
export function containerFacts(
  id: string,
  { env = [], ...facts }: Partial<ContainerFacts> & { readonly env?: readonly string[] } = {},
): ContainerFacts {
  return {
    id,
    name: 'main',
    podUid: `pod-${id}`,
    podNamespace: 'shop',
    podName: id,
    claims: readNamedClaims(env),
    cpus: '',
    mems: '',
    pid: 4711,
    requestedMillis: undefined,
    cgroupsPath: '',
    ...facts,
  };
}

/** The environment of a container with a claim, as the claim's CDI device sets it. */
export function claimEnv(uid: string, cpus: string | CpuSet): string[] {
  return [`DRA_CPUSET_${uid}=${cpus}`];
}

/** What a claim has in addition to CPUs. */
interface ClaimWishes {
  /** UIDs of the pods that may use it; all of the namespace by default. */
  readonly podUids?: readonly string[];
  /** A Linux list of the NUMA nodes to which its memory is bound. */
  readonly memoryNodes?: string;
  readonly sharesPool?: boolean;
}

/** A prepared claim with these CPUs. */
export function preparedClaim(uid: string, list: string, wishes: ClaimWishes = {}): PreparedClaim {
  const { memoryNodes, sharesPool, podUids } = wishes;
  const cpus = parseCpuList(list);
  const assignments = [{ request: 'cpus', pool: 'node-a', device: 'cpudevnuma000', shareId: undefined, cpus }];
  return {
    uid,
    namespace: 'shop',
    name: uid,
    users: { pods: (podUids ?? []).map((podUid) => ({ name: podUid, uid: podUid })), others: podUids === undefined },
    assignments,
    cpus,
    ...(memoryNodes !== undefined && { memoryNodes: parseCpuList(memoryNodes) }),
    ...(sharesPool && { sharesPool }),
  };
}
