import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject } from '../../../src/resource-api/kube-object.ts';
import type { FieldType, ListMerge } from '../../../src/resource-api/schema/field-type.ts';
import { childType } from '../schema.ts';
import { badRequest } from '../status-error.ts';

/** Whether two entries of a list are the same one; a key that both lack counts as equal. */
function isSameEntry(a: unknown, b: unknown, merge: ListMerge): boolean {
  if (merge.keys.length === 0) return isDeepStrictEqual(a, b);
  return isJsonObject(a) && isJsonObject(b) && merge.keys.every((key) => isDeepStrictEqual(a[key], b[key]));
}

/** A list with changed entries in place and new ones at the end. */
export function mergeEntries(
  list: readonly unknown[],
  changes: readonly unknown[],
  how: { readonly merge: ListMerge; mergeItem(item: unknown, change: unknown): unknown },
): unknown[] {
  const merged = [...list];
  for (const change of changes) {
    const index = merged.findIndex((item) => isSameEntry(item, change, how.merge));
    if (index < 0) merged.push(how.mergeItem(undefined, change));
    else merged[index] = how.mergeItem(merged[index], change);
  }
  return merged;
}

/** Merges a list by its keys; entries that say so are deleted. */
function mergeList(list: readonly unknown[], patch: readonly unknown[], merge: ListMerge, items: FieldType): unknown[] {
  const isDeletion = (entry: unknown) => isJsonObject(entry) && entry['$patch'] === 'delete';
  const deleted = patch.filter(isDeletion);
  const kept = list.filter((item) => !deleted.some((entry) => isSameEntry(item, entry, merge)));
  const changes = patch.filter((entry) => !isDeletion(entry));
  return mergeEntries(kept, changes, { merge, mergeItem: (item, change) => mergeValue(item, change, items) });
}

/** Order among entries is not kept: nothing here depends on it. */
const IGNORED_DIRECTIVE = '$setElementOrder/';

function mergeObject(object: JsonObject, patch: JsonObject, type: FieldType | undefined): JsonObject {
  const merged = { ...object };
  for (const [key, value] of Object.entries(patch)) {
    if (type && key.startsWith(IGNORED_DIRECTIVE)) continue;
    if (type && key.startsWith('$')) {
      throw badRequest(
        `Cannot apply the patch: directive "${key}" is not supported; use a merge patch or replace the object`,
      );
    }
    if (value === null) delete merged[key];
    else merged[key] = mergeValue(merged[key], value, childType(type, key));
  }
  return merged;
}

function mergeValue(value: unknown, patch: unknown, type: FieldType | undefined): unknown {
  if (Array.isArray(patch) && type?.kind === 'list' && type.merge?.applyOnly === false) {
    return mergeList(Array.isArray(value) ? value : [], patch, type.merge, type.items);
  }
  if (isJsonObject(patch)) return mergeObject(isJsonObject(value) ? value : {}, patch, type);
  return structuredClone(patch);
}

/**
 * The object with a merge patch applied: null removes, lists are replaced (RFC 7386). With a type it is a strategic merge patch,
 * which merges lists that have keys entry by entry (sig-api-machinery, strategic-merge-patch.md); of its directives only the
 * deletion of an entry is known.
 * @throws StatusError BadRequest for another directive.
 */
export function applyMergePatch(object: JsonObject, patch: JsonObject, typeName?: string): JsonObject {
  return mergeObject(object, patch, typeName === undefined ? undefined : { kind: 'object', type: typeName });
}
