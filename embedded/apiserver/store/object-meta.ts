import { randomUUID } from 'node:crypto';
import type { ResourceKind } from '../kinds/resource-kind.ts';
import type { KubeObject, ObjectMeta } from '../../../src/resource-api/kube-object.ts';
import type { StatusCause } from '../../../src/resource-api/validate/causes.ts';
import { badRequest, conflict, type ObjectName } from '../status-error.ts';
import { forbidden, nameCause, required } from '../../../src/resource-api/validate/causes.ts';
import { isDnsSubdomain } from '../../../src/resource-api/validate/names.ts';

/** Letters of generated names: no vowels, no look-alikes (apimachinery util/rand). */
const SUFFIX_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
/** Longest base of a generated name (apiserver storage/names). */
const GENERATE_NAME_LENGTH_MAX = 58;

/** Five random letters, as the API server appends them to `generateName`. */
function randomSuffix(): string {
  return Array.from(
    { length: SUFFIX_LENGTH },
    () => SUFFIX_LETTERS[Math.floor(Math.random() * SUFFIX_LETTERS.length)],
  ).join('');
}

/** RFC 3339 with whole seconds, as metav1.Time is written. */
export function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** The name of an object as messages show it. */
export function objectName(kind: ResourceKind, name: string): ObjectName & { kind: string } {
  return { group: kind.group, resource: kind.plural, name, kind: kind.kind };
}

/** Metadata of a new object: name, uid and times; what a client may not set is replaced. */
export function newMetadata(
  given: Partial<ObjectMeta>,
  context: { namespace: string | undefined; now: Date },
): ObjectMeta {
  const generated = (given.generateName ?? '').slice(0, GENERATE_NAME_LENGTH_MAX);
  const name = given.name ?? (generated === '' ? '' : `${generated}${randomSuffix()}`);
  if (name === '') throw badRequest('resource name may not be empty: set metadata.name or metadata.generateName');
  const { deletionTimestamp: _, deletionGracePeriodSeconds: _grace, namespace: _namespace, ...kept } = given;
  return {
    ...kept,
    name,
    ...(context.namespace === undefined ? {} : { namespace: context.namespace }),
    uid: randomUUID(),
    resourceVersion: '',
    creationTimestamp: timestamp(context.now),
  };
}

/**
 * Metadata of a changed object: what the server owns stays as stored.
 * @throws StatusError Conflict when the draft speaks of another state or another object.
 */
export function updatedMetadata(draft: KubeObject, stored: KubeObject, kind: ResourceKind): ObjectMeta {
  const { uid, resourceVersion } = draft.metadata;
  const name = objectName(kind, stored.metadata.name);
  if (uid && uid !== stored.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${stored.metadata.uid}`;
    throw conflict(name, why);
  }
  if (resourceVersion && resourceVersion !== stored.metadata.resourceVersion) {
    throw conflict(name, 'the object has been modified; please apply your changes to the latest version and try again');
  }
  const { generation, deletionTimestamp, deletionGracePeriodSeconds, generateName } = stored.metadata;
  const { deletionTimestamp: _, deletionGracePeriodSeconds: _grace, generation: _generation, ...kept } = draft.metadata;
  return {
    ...kept,
    ...(generateName === undefined ? {} : { generateName }),
    uid: stored.metadata.uid,
    resourceVersion: stored.metadata.resourceVersion,
    creationTimestamp: stored.metadata.creationTimestamp,
    ...(generation === undefined ? {} : { generation }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
  };
}

/** What is wrong with metadata; `stored` is its state before the write. */
export function metadataCauses(metadata: ObjectMeta, stored: ObjectMeta | undefined): StatusCause[] {
  const causes = isDnsSubdomain(metadata.name)
    ? []
    : [nameCause('metadata.name', metadata.name, 'a lowercase RFC 1123 subdomain')];
  for (const [index, owner] of (metadata.ownerReferences ?? []).entries()) {
    for (const field of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if (!owner[field]) causes.push(required(`metadata.ownerReferences[${index}].${field}`));
    }
  }
  const added = (metadata.finalizers ?? []).filter((finalizer) => !stored?.finalizers?.includes(finalizer));
  if (stored?.deletionTimestamp !== undefined && added.length > 0) {
    causes.push(forbidden('metadata.finalizers', 'no new finalizers can be added if the object is being deleted'));
  }
  return causes;
}
