import type { ClaimedContainer } from '../containers/container.ts';

/**
 * Something that runs, but hardly as its author means it; told as an event of the pod, or of the claim where its pod is not
 * known.
 */
export interface Advice {
  readonly regarding: {
    readonly kind: 'Pod' | 'ResourceClaim';
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  };
  readonly reason: 'CPURequestMismatch' | 'ClaimNotUsed';
  readonly message: string;
}

const MILLIS_PER_CPU = 1_000;
/** The kernel's shares are 1024 a CPU, so that a request comes back rounded. */
const ROUNDING_MILLIS = 2;

/**
 * Whether a container asks for as many CPUs as its claims give. The scheduler counts the two apart (until KEP-5517): unlike
 * numbers promise CPUs twice or leave them unused. A container without a request leaves that to its pod's; one that runs on
 * shared CPUs besides may ask for more.
 */
export function adviseOnRequest({ facts, claimedCpus, sharesPool }: ClaimedContainer): Advice | undefined {
  const { requestedMillis } = facts;
  if (requestedMillis === undefined) return undefined;
  const surplusMillis = requestedMillis - claimedCpus * MILLIS_PER_CPU;
  if (surplusMillis >= -ROUNDING_MILLIS && (sharesPool || surplusMillis <= ROUNDING_MILLIS)) return undefined;
  const { podNamespace: namespace, podName: name, podUid: uid } = facts;
  return {
    regarding: { kind: 'Pod', namespace, name, uid },
    reason: 'CPURequestMismatch',
    message:
      `Container ${facts.name} asks for ${requestedMillis / MILLIS_PER_CPU} CPUs and its claims give it ${claimedCpus}: the ` +
      `scheduler counts both. Set its resources.requests.cpu and limits.cpu to ${claimedCpus}` +
      `${sharesPool ? ' and what it needs of the shared CPUs' : ''}, or leave them out and count the ` +
      "claims' CPUs in the pod's own resources",
  };
}
