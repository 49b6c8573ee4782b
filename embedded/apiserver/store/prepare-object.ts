import { isDeepStrictEqual } from 'node:util';
import { dropDisabledFields, type FeatureGates } from '../feature-gates.ts';
import { apiVersionOf, type ResourceKind } from '../kinds/resource-kind.ts';
import {
  isJsonObject,
  type JsonObject,
  type KubeObject,
  type ObjectMeta,
} from '../../../src/resource-api/kube-object.ts';
import { valueAt } from '../json-value.ts';
import { managedFieldsAfter } from '../patch/server-side-apply.ts';
import { decodeObject } from '../schema.ts';
import { badRequest, invalid, notFound } from '../status-error.ts';
import { metadataCauses, newMetadata, objectName, updatedMetadata } from './object-meta.ts';

/** What a write depends on besides the object. */
export interface WriteContext {
  readonly kind: ResourceKind;
  readonly gates: FeatureGates;
  readonly now: Date;
}

/** Reads what a client sent as an object of the kind; apiVersion and kind may be left out. */
export function decodeAs(kind: ResourceKind, input: object): KubeObject {
  const { object } = decodeObject(input, kind.type);
  const expected = { apiVersion: apiVersionOf(kind), kind: kind.kind };
  for (const field of ['apiVersion', 'kind'] as const) {
    const given = object[field] ?? expected[field];
    if (given === expected[field]) continue;
    throw badRequest(`${field} ${JSON.stringify(given)} does not match the expected ${field} "${expected[field]}"`);
  }
  const metadata = (isJsonObject(object['metadata']) ? object['metadata'] : {}) as unknown as ObjectMeta;
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...rest } = object;
  return { ...expected, metadata, ...rest };
}

/** Sets or removes the value at a dotted path; holders on the way are made. */
function setAt(object: JsonObject, path: string, value: unknown): void {
  const steps = path.split('.');
  const last = steps.pop() ?? '';
  let holder = object;
  for (const step of steps) {
    const next = holder[step];
    const child: JsonObject = isJsonObject(next) ? next : {};
    holder[step] = child;
    holder = child;
  }
  if (value === undefined) delete holder[last];
  else holder[last] = structuredClone(value);
}

/** Everything of an object but metadata and status: what `metadata.generation` counts. */
function desired(object: KubeObject): object {
  const { metadata: _metadata, status: _status, ...rest } = object;
  return rest;
}

function check(object: KubeObject, stored: KubeObject | undefined, kind: ResourceKind): void {
  const causes = metadataCauses(object.metadata, stored?.metadata);
  causes.push(...(kind.validate?.(object, stored) ?? []));
  if (causes.length > 0) throw invalid(objectName(kind, object.metadata.name), causes);
}

/**
 * The object that a creation would store, without a resourceVersion.
 * @throws StatusError BadRequest or Invalid.
 */
export function prepareNew(input: object, namespace: string | undefined, context: WriteContext): KubeObject {
  const { kind, gates, now } = context;
  const draft = decodeAs(kind, input);
  if (!kind.keepsStatusOnCreate) delete draft['status'];
  draft.metadata = newMetadata(draft.metadata, { namespace, now });
  if (kind.hasGeneration) draft.metadata.generation = 1;
  dropDisabledFields(draft, { gates, resource: kind.key, stored: undefined });
  kind.setDefaults?.(draft);
  check(draft, undefined, kind);
  return draft;
}

/** The draft limited to what the request may write: one part, or all but the parts that have a subresource. */
function writable(draft: KubeObject, stored: KubeObject, request: ChangeRequest): KubeObject {
  const { kind } = request.context;
  if (request.subresource === undefined) {
    const limited = { ...draft };
    for (const part of Object.values(kind.subresources)) {
      if (part.kind === 'part') setAt(limited, part.path, valueAt(stored, part.path));
    }
    return limited;
  }
  const part = kind.subresources[request.subresource];
  if (part?.kind !== 'part') throw notFound(objectName(kind, `${draft.metadata.name}/${request.subresource}`));
  const limited = structuredClone(stored);
  setAt(limited, part.path, valueAt(draft, part.path));
  // The precondition is the draft's; the rest of metadata is not a part's to write.
  limited.metadata.uid = draft.metadata.uid;
  limited.metadata.resourceVersion = draft.metadata.resourceVersion;
  if (draft.metadata.managedFields) limited.metadata.managedFields = draft.metadata.managedFields;
  return limited;
}

/** Where a change goes to. */
export interface ChangeRequest {
  readonly context: WriteContext;
  readonly subresource: string | undefined;
  /** The draft says who owns which field: it comes from an apply. */
  readonly isApplied?: boolean;
}

/** `metadata` of a draft with its owners of fields brought up to date. */
function withOwners(draft: KubeObject, stored: KubeObject, request: ChangeRequest): ObjectMeta {
  const { managedFields: given, ...metadata } = draft.metadata;
  const managedFields = request.isApplied ? given : managedFieldsAfter(draft, stored, request.context.kind.type);
  return { ...metadata, ...(managedFields ? { managedFields } : {}) };
}

/**
 * The object that an update would store, with the resourceVersion of the stored one; the stored object itself when
 * nothing changes.
 * @throws StatusError BadRequest, Conflict or Invalid.
 */
export function prepareChange(input: object, stored: KubeObject, request: ChangeRequest): KubeObject {
  const { kind, gates } = request.context;
  const draft = writable(decodeAs(kind, input), stored, request);
  draft.metadata = updatedMetadata(draft, stored, kind);
  dropDisabledFields(draft, { gates, resource: kind.key, stored });
  kind.setDefaults?.(draft, stored);
  draft.metadata = withOwners(draft, stored, request);
  check(draft, stored, kind);
  if (isDeepStrictEqual(draft, stored)) return stored;
  if (kind.hasGeneration && !isDeepStrictEqual(desired(draft), desired(stored))) {
    draft.metadata.generation = (stored.metadata.generation ?? 0) + 1;
  }
  return draft;
}
