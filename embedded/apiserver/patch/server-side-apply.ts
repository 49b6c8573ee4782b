import type { ResourceKind } from '../kinds/resource-kind.ts';
import { apiVersionOf } from '../kinds/resource-kind.ts';
import {
  isJsonObject,
  type JsonObject,
  type KubeObject,
  type ManagedFields,
} from '../../../src/resource-api/kube-object.ts';
import type { FieldType } from '../../../src/resource-api/schema/field-type.ts';
import { decodeObject, childType } from '../schema.ts';
import type { StatusCause } from '../../../src/resource-api/validate/causes.ts';
import { badRequest, StatusError } from '../status-error.ts';
import {
  differenceOf,
  type FieldSet,
  fieldSetOf,
  intersectionOf,
  pathsOf,
  removeFields,
  unchangedIn,
} from './field-set.ts';
import { mergeEntries } from './keyed-list.ts';

/** Who applies, to what, and when. */
export interface ApplyRequest {
  readonly kind: ResourceKind;
  readonly now: Date;
  readonly subresource: string | undefined;
  readonly manager: string;
  /** Take fields from other appliers instead of failing. */
  readonly force: boolean;
}

function mergeApplied(value: unknown, applied: unknown, type: FieldType | undefined): unknown {
  if (Array.isArray(applied) && type?.kind === 'list' && type.merge) {
    const { merge, items } = type;
    const list = Array.isArray(value) ? (value as unknown[]) : [];
    return mergeEntries(list, applied, { merge, mergeItem: (item, change) => mergeApplied(item, change, items) });
  }
  if (!isJsonObject(applied) || type?.kind === 'primitive') return applied;
  const merged: JsonObject = isJsonObject(value) ? { ...value } : {};
  for (const [key, item] of Object.entries(applied))
    merged[key] = mergeApplied(merged[key], item, childType(type, key));
  return merged;
}

/** The configuration without what identifies the object: no manager owns that. */
function ownable(configuration: JsonObject): JsonObject {
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = configuration;
  const { labels, annotations, finalizers, ownerReferences } = (metadata ?? {}) as JsonObject;
  const owned = Object.entries({ labels, annotations, finalizers, ownerReferences }).filter(
    ([, value]) => value !== undefined,
  );
  return owned.length === 0 ? rest : { ...rest, metadata: Object.fromEntries(owned) };
}

function readConfiguration(body: unknown, kind: ResourceKind): JsonObject {
  const { object, unknownFields } = decodeObject(body, kind.type);
  const [unknown] = unknownFields;
  if (unknown !== undefined)
    throw badRequest(`failed to create typed patch object: .${unknown}: field not declared in schema`);
  if (object['apiVersion'] !== apiVersionOf(kind) || object['kind'] !== kind.kind) {
    throw badRequest(`Cannot apply: apiVersion and kind must be ${apiVersionOf(kind)} and ${kind.kind}`);
  }
  return object;
}

function isEntryOf(entry: ManagedFields, request: ApplyRequest): boolean {
  return entry.manager === request.manager && entry.subresource === request.subresource;
}

function conflictError(conflicts: { manager: string; fields: FieldSet }[]): StatusError {
  const causes: StatusCause[] = conflicts.flatMap(({ manager, fields }) =>
    pathsOf(fields).map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with "${manager}"`, field })),
  );
  const texts = causes.map((cause) => `${cause.message}: ${cause.field}`);
  const count = causes.length === 1 ? '1 conflict' : `${causes.length} conflicts`;
  return new StatusError('Conflict', `Apply failed with ${count}: ${texts.join(', ')}`, { causes });
}

/** What other managers own of the applied fields with other values than the applied ones. */
function conflictsOf(
  others: readonly ManagedFields[],
  applied: FieldSet,
  versions: Versions,
): { manager: string; fields: FieldSet }[] {
  return others
    .map((entry) => {
      const shared = intersectionOf(entry.fieldsV1, applied);
      return { manager: entry.manager, fields: differenceOf(shared, unchangedIn(shared, versions)) };
    })
    .filter(({ fields }) => Object.keys(fields).length > 0);
}

interface Versions {
  readonly before: unknown;
  readonly after: unknown;
  readonly type: FieldType;
}

function newEntry(fieldsV1: FieldSet, request: ApplyRequest): ManagedFields {
  return {
    manager: request.manager,
    operation: 'Apply',
    apiVersion: apiVersionOf(request.kind),
    time: `${request.now.toISOString().slice(0, 19)}Z`,
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(request.subresource === undefined ? {} : { subresource: request.subresource }),
  };
}

/**
 * The object with a configuration applied (server-side apply): fields that the manager applied before and no longer
 * does go, unless another applier has them too. Simpler than the real server in one point: only appliers own fields;
 * a plain update takes changed fields from them without becoming an owner itself.
 * @throws StatusError Conflict when another applier owns a field with another value and `force` is not set.
 */
export function applyConfiguration(current: KubeObject | undefined, body: unknown, request: ApplyRequest): JsonObject {
  const configuration = readConfiguration(body, request.kind);
  const type: FieldType = { kind: 'object', type: request.kind.type };
  const applied = fieldSetOf(ownable(configuration), type);
  const entries = current?.metadata.managedFields ?? [];
  const others = entries.filter((entry) => !isEntryOf(entry, request));
  const merged = mergeApplied(current ?? {}, configuration, type);
  const conflicts = conflictsOf(others, applied, { before: current, after: merged, type });
  if (conflicts.length > 0 && !request.force) throw conflictError(conflicts);
  let dropped = differenceOf(entries.find((entry) => isEntryOf(entry, request))?.fieldsV1 ?? {}, applied);
  for (const other of others) dropped = differenceOf(dropped, other.fieldsV1);
  const result = removeFields(merged, type, dropped) as JsonObject;
  const kept = releaseChanged(others, { before: current ?? {}, after: result, type });
  const metadata = {
    ...(result['metadata'] as JsonObject | undefined),
    managedFields: [...kept, newEntry(applied, request)],
  };
  return { ...result, metadata };
}

/** The entries without the fields whose values differ between two versions; entries that own nothing go. */
function releaseChanged(entries: readonly ManagedFields[], versions: Versions): ManagedFields[] {
  return entries
    .map((entry) => ({ ...entry, fieldsV1: unchangedIn(entry.fieldsV1, versions) }))
    .filter((entry) => Object.keys(entry.fieldsV1).length > 0);
}

/** `managedFields` after a plain write: appliers lose what it changed. */
export function managedFieldsAfter(
  draft: KubeObject,
  stored: KubeObject,
  typeName: string,
): ManagedFields[] | undefined {
  const entries = stored.metadata.managedFields;
  if (!entries) return undefined;
  const kept = releaseChanged(entries, { before: stored, after: draft, type: { kind: 'object', type: typeName } });
  return kept.length === 0 ? undefined : kept;
}
