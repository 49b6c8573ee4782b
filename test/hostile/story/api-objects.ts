import type { NewObject } from '../peers/api-store.ts';
import type { ClaimTruth } from './truth.ts';

/** The one node's name, which is its pool's too. */
export const NODE_NAME = 'node-h';

/** The node of the story. */
export function nodeObject(cpus: number): NewObject {
  const quantity = { cpu: `${cpus}` };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: NODE_NAME, uid: '00000000-0000-4000-8000-000000000001' },
    status: { capacity: quantity, allocatable: quantity },
  };
}

function consumersOf({ consumer, pods, uid }: ClaimTruth): object[] {
  if (consumer === 'podgroup') {
    return [{ apiGroup: 'scheduling.k8s.io', resource: 'podgroups', name: 'gang', uid: `group-${uid}` }];
  }
  return pods.map((pod) => ({ resource: 'pods', name: pod.name, uid: pod.uid }));
}

/** Marks of a claim that the control plane made for a pod (kube-controller-manager, resourceclaim controller 1.37). */
function templateMarks({ consumer, pods }: ClaimTruth): object {
  const [owner] = pods;
  if (consumer !== 'template' || !owner) return {};
  return {
    annotations: { 'resource.kubernetes.io/pod-claim-name': 'cpus' },
    ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: owner.name, uid: owner.uid, controller: true }],
  };
}

/** An allocated ResourceClaim (resource.k8s.io/v1) as the scheduler leaves it. `parameters` are opaque ones for the driver. */
export function claimObject(claim: ClaimTruth, parameters?: unknown): NewObject {
  const { uid, namespace, name, requests } = claim;
  const opaque = { driver: 'dra.cpu', parameters };
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: { uid, namespace, name, ...templateMarks(claim) },
    spec: {
      devices: {
        requests: requests.map(({ request }) => ({ name: request, exactly: { deviceClassName: 'dra.cpu' } })),
      },
    },
    status: {
      reservedFor: consumersOf(claim),
      allocation: {
        devices: {
          results: requests.map(({ request, node, cpus, shareId }) => ({
            request,
            driver: 'dra.cpu',
            pool: NODE_NAME,
            device: `cpudevnuma00${node}`,
            shareID: shareId,
            consumedCapacity: { 'dra.cpu/cpu': `${cpus}` },
          })),
          ...(parameters === undefined ? {} : { config: [{ source: 'FromClaim', requests: [], opaque }] }),
        },
      },
    },
  };
}
