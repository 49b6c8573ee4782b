import { isDeepStrictEqual } from 'node:util';
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
import { type FieldPath, fieldsOf, formatPath, fromFieldsV1, toFieldsV1, withoutFields } from './field-paths.ts';
import { mergeEntries } from './merge.ts';

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

/** Fields with what they hold. */
type Fields = ReadonlyMap<FieldPath, unknown>;

function isEntryOf(entry: ManagedFields, request: ApplyRequest): boolean {
  return entry.manager === request.manager && entry.subresource === request.subresource;
}

/** @throws StatusError Conflict naming managers and fields. */
function refuseConflicts(others: readonly ManagedFields[], applied: Fields, change: Change): void {
  const causes = others.flatMap(({ manager, fieldsV1 }): StatusCause[] =>
    fromFieldsV1(fieldsV1)
      .filter((path) => applied.has(path) && !isKept(path, change))
      .map((path) => ({
        reason: 'FieldManagerConflict',
        message: `conflict with "${manager}"`,
        field: formatPath(path),
      })),
  );
  if (causes.length === 0) return;
  const texts = causes.map((cause) => `${cause.message}: ${cause.field}`);
  const count = causes.length === 1 ? '1 conflict' : `${causes.length} conflicts`;
  throw new StatusError('Conflict', `Apply failed with ${count}: ${texts.join(', ')}`, { causes });
}

/** The fields of an object before and after a write. */
interface Change {
  readonly before: Fields;
  readonly after: Fields;
}

/** Whether a write leaves a field as it was. */
function isKept(path: FieldPath, { before, after }: Change): boolean {
  return isDeepStrictEqual(before.get(path), after.get(path));
}

/** The entries without the fields that a write changes; entries that own nothing go. */
function releaseChanged(entries: readonly ManagedFields[], change: Change): ManagedFields[] {
  return entries.flatMap((entry) => {
    const kept = fromFieldsV1(entry.fieldsV1).filter((path) => isKept(path, change));
    return kept.length === 0 ? [] : [{ ...entry, fieldsV1: toFieldsV1(kept) }];
  });
}

function newEntry(applied: Fields, request: ApplyRequest): ManagedFields {
  return {
    manager: request.manager,
    operation: 'Apply',
    apiVersion: apiVersionOf(request.kind),
    time: `${request.now.toISOString().slice(0, 19)}Z`,
    fieldsType: 'FieldsV1',
    fieldsV1: toFieldsV1(applied.keys()),
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
  const applied = fieldsOf(ownable(configuration), type);
  const entries = current?.metadata.managedFields ?? [];
  const others = entries.filter((entry) => !isEntryOf(entry, request));
  const before = fieldsOf(current ?? {}, type);
  const merged = mergeApplied(current ?? {}, configuration, type);
  if (!request.force) refuseConflicts(others, applied, { before, after: fieldsOf(merged, type) });
  const dropped = new Set(fromFieldsV1(entries.find((entry) => isEntryOf(entry, request))?.fieldsV1 ?? {}));
  for (const path of [...applied.keys(), ...others.flatMap(({ fieldsV1 }) => fromFieldsV1(fieldsV1))])
    dropped.delete(path);
  const result = withoutFields(merged, type, dropped) as JsonObject;
  const kept = releaseChanged(others, { before, after: fieldsOf(result, type) });
  const managedFields = [...kept, newEntry(applied, request)];
  return { ...result, metadata: { ...(result['metadata'] as JsonObject | undefined), managedFields } };
}

/** `managedFields` after a plain write: appliers lose what it changed. */
export function managedFieldsAfter(
  draft: KubeObject,
  stored: KubeObject,
  typeName: string,
): ManagedFields[] | undefined {
  const entries = stored.metadata.managedFields;
  if (!entries) return undefined;
  const type: FieldType = { kind: 'object', type: typeName };
  const kept = releaseChanged(entries, { before: fieldsOf(stored, type), after: fieldsOf(draft, type) });
  return kept.length === 0 ? undefined : kept;
}
