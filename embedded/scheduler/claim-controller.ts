import type { ClaimConsumer, ResourceClaim } from '../../src/resource-api/objects.ts';
import type { Pod, PodResourceClaim } from '../../src/resource-api/core-objects.ts';
import { StatusError } from '../apiserver/status-error.ts';
import type { ObjectStore } from '../apiserver/store/object-store.ts';
import { recordEvent } from './events.ts';
import { isActive } from '../../src/resource-api/node-fit.ts';
import { claimNameOf, isOwnedBy } from './pod-claims.ts';

/** Keeps an allocated claim until its devices are given back. */
export const DELETE_PROTECTION = 'resource.kubernetes.io/delete-protection';
/** Annotation of a claim made from a template: the pod's own name for it. */
const POD_CLAIM_NAME = 'resource.kubernetes.io/pod-claim-name';
/** Longest base of a generated name: a hyphen and five letters follow, 63 in all. */
const BASE_LENGTH_MAX = 57;
const COMPONENT = 'resource_claim_controller';

/** Why a claim could not be made from its template, told once per pod. */
type FailureNotes = Map<string, string>;

function createFromTemplate(store: ObjectStore, pod: Pod, entry: PodResourceClaim): ResourceClaim {
  const { namespace, name, uid } = pod.metadata;
  const template = store.get('resourceclaimtemplates', entry.resourceClaimTemplateName ?? '', { namespace });
  const { labels, annotations } = template.spec.metadata ?? {};
  return store.create(
    'resourceclaims',
    {
      metadata: {
        generateName: `${`${name}-${entry.name}`.slice(0, BASE_LENGTH_MAX)}-`,
        ...(labels ? { labels } : {}),
        annotations: { ...annotations, [POD_CLAIM_NAME]: entry.name },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid, controller: true, blockOwnerDeletion: true }],
      },
      spec: template.spec.spec,
    },
    { namespace },
  );
}

/** A claim that was made for this entry before its name was noted. */
function findGenerated(store: ObjectStore, pod: Pod, entry: PodResourceClaim): ResourceClaim | undefined {
  return store
    .list('resourceclaims', { namespace: pod.metadata.namespace })
    .items.find((claim) => isOwnedBy(claim, pod) && claim.metadata.annotations?.[POD_CLAIM_NAME] === entry.name);
}

function generateClaims(store: ObjectStore, pod: Pod): void {
  const { namespace, name } = pod.metadata;
  const missing = (pod.spec.resourceClaims ?? []).filter(
    (entry) => entry.resourceClaimTemplateName !== undefined && claimNameOf(pod, entry) === undefined,
  );
  const statuses = missing.map((entry) => {
    const claim = findGenerated(store, pod, entry) ?? createFromTemplate(store, pod, entry);
    return { name: entry.name, resourceClaimName: claim.metadata.name };
  });
  if (statuses.length === 0) return;
  const body = { status: { resourceClaimStatuses: statuses } };
  store.patch('pods', name, { type: 'strategic', body }, { namespace, subresource: 'status' });
}

/** Makes the claims that pods want from templates; a template that is missing or wrong becomes an event. */
export function generatePodClaims(store: ObjectStore, failures: FailureNotes): void {
  for (const pod of store.list('pods').items) {
    if (pod.metadata.deletionTimestamp !== undefined || !isActive(pod)) continue;
    try {
      generateClaims(store, pod);
      failures.delete(pod.metadata.uid);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      const message = `failed to create ResourceClaim: ${error.message}`;
      if (failures.get(pod.metadata.uid) === message) continue;
      failures.set(pod.metadata.uid, message);
      recordEvent(store, pod, {
        type: 'Warning',
        reason: 'FailedResourceClaimCreation',
        message,
        component: COMPONENT,
      });
    }
  }
}

function isConsuming(store: ObjectStore, namespace: string | undefined, consumer: ClaimConsumer): boolean {
  if (consumer.resource !== 'pods') return true;
  const pod = store.find('pods', consumer.name, { namespace });
  return pod !== undefined && pod.metadata.uid === consumer.uid && isActive(pod);
}

function releaseClaim(store: ObjectStore, claim: ResourceClaim): ResourceClaim {
  const { namespace } = claim.metadata;
  const { reservedFor = [], allocation, devices } = claim.status ?? {};
  const kept = reservedFor.filter((consumer) => isConsuming(store, namespace, consumer));
  const isUnwanted = kept.length === 0 && claim.metadata.deletionTimestamp !== undefined;
  if (!allocation || (kept.length === reservedFor.length && !isUnwanted)) return claim;
  // Without a consumer the devices go back to the pool, and what drivers said of them with them.
  const status = kept.length === 0 ? {} : { allocation, reservedFor: kept, ...(devices ? { devices } : {}) };
  return store.update('resourceclaims', { ...claim, status }, { namespace, subresource: 'status' });
}

function dropProtection(store: ObjectStore, claim: ResourceClaim): void {
  const { finalizers = [], namespace } = claim.metadata;
  if (claim.status?.allocation || !finalizers.includes(DELETE_PROTECTION)) return;
  const kept = finalizers.filter((finalizer) => finalizer !== DELETE_PROTECTION);
  store.update('resourceclaims', { ...claim, metadata: { ...claim.metadata, finalizers: kept } }, { namespace });
}

/** Whether the pod that a claim was made for has ended: then the claim is of no more use. */
function isSpent(store: ObjectStore, claim: ResourceClaim): boolean {
  const owner = claim.metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (owner?.kind !== 'Pod' || claim.metadata.deletionTimestamp !== undefined) return false;
  const pod = store.find('pods', owner.name, { namespace: claim.metadata.namespace });
  return pod !== undefined && pod.metadata.uid === owner.uid && !isActive(pod);
}

/** Takes claims back from pods that are gone or have ended; a claim nobody uses loses its allocation. */
export function releaseUnusedClaims(store: ObjectStore): void {
  for (const claim of store.list('resourceclaims').items) {
    dropProtection(store, releaseClaim(store, claim));
    const { name, namespace } = claim.metadata;
    if (isSpent(store, claim)) store.delete('resourceclaims', name, { namespace });
  }
}
