import type { ResourceClaim } from '../../src/resource-api/objects.ts';
import type { Pod, PodResourceClaim } from '../../src/resource-api/core-objects.ts';

/** The claim that a pod's entry stands for now. */
type PodClaim =
  | { readonly kind: 'found'; readonly claim: ResourceClaim }
  | { readonly kind: 'missing'; readonly reason: string };

/** The name of the claim behind an entry: given, or generated from a template; undefined while it is not generated. */
export function claimNameOf(pod: Pod, entry: PodResourceClaim): string | undefined {
  if (entry.resourceClaimName !== undefined) return entry.resourceClaimName;
  return pod.status?.resourceClaimStatuses?.find((status) => status.name === entry.name)?.resourceClaimName;
}

/** Whether a claim was made for a pod and belongs to it. */
export function isOwnedBy(claim: ResourceClaim, pod: Pod): boolean {
  return (claim.metadata.ownerReferences ?? []).some(
    (owner) => owner.controller === true && owner.uid === pod.metadata.uid,
  );
}

function lookUp(pod: Pod, entry: PodResourceClaim, find: (name: string) => ResourceClaim | undefined): PodClaim {
  const name = claimNameOf(pod, entry);
  if (name === undefined) {
    return { kind: 'missing', reason: `waiting for dynamic resource claim "${entry.name}" to be created` };
  }
  const claim = find(name);
  if (!claim) return { kind: 'missing', reason: `resourceclaim "${name}" not found` };
  if (claim.metadata.deletionTimestamp !== undefined) {
    return { kind: 'missing', reason: `resourceclaim "${name}" is being deleted` };
  }
  if (entry.resourceClaimName === undefined && !isOwnedBy(claim, pod)) {
    return { kind: 'missing', reason: `resourceclaim "${name}" was not created for the pod` };
  }
  return { kind: 'found', claim };
}

/** The claims of a pod, each once, or why they are not all there. */
export function claimsOfPod(
  pod: Pod,
  find: (name: string) => ResourceClaim | undefined,
): { readonly claims: ResourceClaim[] } | { readonly reason: string } {
  const claims = new Map<string, ResourceClaim>();
  for (const entry of pod.spec.resourceClaims ?? []) {
    const found = lookUp(pod, entry, find);
    if (found.kind === 'missing') return { reason: found.reason };
    claims.set(found.claim.metadata.uid, found.claim);
  }
  return { claims: [...claims.values()] };
}

/** Whether a claim is reserved for a pod. */
export function isReservedFor(claim: ResourceClaim, pod: Pod): boolean {
  return (claim.status?.reservedFor ?? []).some((consumer) => consumer.uid === pod.metadata.uid);
}
