import type { AllocationResult, ResourceClaim } from '../../src/resource-api/objects.ts';
import type { Node, Pod } from '../../src/resource-api/core-objects.ts';
import { allocateClaims } from '../../src/resource-api/allocation/allocate.ts';
import type { AllocationProblem } from '../../src/resource-api/allocation/allocation-problem.ts';
import type { DevicePools, PoolDevice } from '../../src/resource-api/allocation/device-pool.ts';
import { matchesNode, nodeRefusal } from '../../src/resource-api/node-fit.ts';
import { isReservedFor } from './pod-claims.ts';

/** Where a pod goes and what its claims get. */
export type PodPlacement =
  | { readonly kind: 'placed'; readonly node: Node; readonly allocations: ReadonlyMap<ResourceClaim, AllocationResult> }
  | { readonly kind: 'refused'; readonly reason: string };

/** The cluster as a pod is placed in it. */
export interface ClusterView extends Pick<AllocationProblem, 'classes' | 'usage' | 'newShareId'> {
  readonly nodes: readonly Node[];
  readonly pools: DevicePools;
  /** Active pods by the node they are on. */
  readonly podsByNode: ReadonlyMap<string, readonly Pod[]>;
}

/** Most consumers of one claim (resource.k8s.io/v1 ResourceClaimReservedForMaxSize). */
const CONSUMERS_MAX = 256;

function reaches(node: Node, pooled: PoolDevice): boolean {
  if (pooled.nodeName !== undefined) return pooled.nodeName === node.metadata.name;
  return pooled.nodeSelector === undefined || matchesNode(pooled.nodeSelector, node);
}

function sharedClaimRefusal(pod: Pod, node: Node, claims: readonly ResourceClaim[]): string | undefined {
  for (const claim of claims) {
    const { allocation, reservedFor = [] } = claim.status ?? {};
    if (!allocation) continue;
    if (allocation.nodeSelector && !matchesNode(allocation.nodeSelector, node)) {
      return `resourceclaim ${claim.metadata.name} not available on the node`;
    }
    if (reservedFor.length >= CONSUMERS_MAX && !isReservedFor(claim, pod)) {
      return `resourceclaim ${claim.metadata.name} in use by ${CONSUMERS_MAX} pods already`;
    }
  }
  return undefined;
}

function tryNode(pod: Pod, node: Node, request: { claims: readonly ResourceClaim[]; view: ClusterView }): PodPlacement {
  const { claims, view } = request;
  const others = view.podsByNode.get(node.metadata.name) ?? [];
  const reason = nodeRefusal(pod, node, others) ?? sharedClaimRefusal(pod, node, claims);
  if (reason !== undefined) return { kind: 'refused', reason };
  const open = claims.filter((claim) => !claim.status?.allocation);
  const outcome = allocateClaims({
    claims: open.map((claim) => ({ name: `${claim.metadata.namespace}/${claim.metadata.name}`, spec: claim.spec })),
    devices: view.pools.devices.filter((pooled) => reaches(node, pooled)),
    classes: view.classes,
    usage: view.usage,
    newShareId: view.newShareId,
  });
  if (outcome.kind === 'refused') return { kind: 'refused', reason: `cannot allocate all claims: ${outcome.reason}` };
  const allocations = new Map(open.map((claim, index) => [claim, outcome.allocations[index] ?? { devices: {} }]));
  return { kind: 'placed', node, allocations };
}

/** "0/2 nodes are available: 1 Insufficient cpu, 1 cannot allocate all claims: ...", as the real scheduler says it. */
function refusalText(reasons: readonly string[], pools: DevicePools): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  if (reasons.length === 0) return 'no nodes available to schedule pods';
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`);
  const head = `0/${reasons.length} nodes are available`;
  const { incompletePools } = pools;
  const changing = incompletePools.length === 0 ? '' : ` Incomplete resource pools: ${incompletePools.join(', ')}.`;
  return `${head}: ${parts.join(', ')}.${changing}`;
}

/** The first node, by name, that takes a pod with all its claims. */
export function placePod(pod: Pod, claims: readonly ResourceClaim[], view: ClusterView): PodPlacement {
  const reasons: string[] = [];
  for (const node of view.nodes) {
    const placement = tryNode(pod, node, { claims, view });
    if (placement.kind === 'placed') return placement;
    reasons.push(placement.reason);
  }
  return { kind: 'refused', reason: refusalText(reasons, view.pools) };
}
