import { isJsonObject, type JsonObject } from '../../../src/resource-api/kube-object.ts';
import type { FieldType, ListMerge } from '../../../src/resource-api/schema/field-type.ts';
import { childType } from '../schema.ts';
import { isSameEntry, mergeEntries } from './keyed-list.ts';

const DELETE_PREFIX = '$deleteFromPrimitiveList/';
const ORDER_PREFIX = '$setElementOrder/';

/** How a strategic merge patch merges a list, undefined when it replaces it. */
function mergeOf(type: FieldType | undefined): ListMerge | undefined {
  return type?.kind === 'list' && type.merge?.applyOnly === false ? type.merge : undefined;
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives);
  if (!isJsonObject(value)) return value;
  const kept = Object.entries(value).filter(([key, item]) => !key.startsWith('$') && item !== null);
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutDirectives(item)]));
}

function mergeList(list: unknown[], patch: unknown[], type: FieldType): unknown[] {
  const merge = mergeOf(type);
  const items = type.kind === 'list' ? type.items : undefined;
  const directive = (entry: unknown) => (isJsonObject(entry) ? entry['$patch'] : undefined);
  if (!merge || patch.some((entry) => directive(entry) === 'replace')) {
    return listOf(withoutDirectives(patch.filter((entry) => directive(entry) !== 'replace')));
  }
  const removed = patch.filter((entry) => directive(entry) === 'delete');
  const kept = list.filter((item) => !removed.some((entry) => isSameEntry(item, entry, merge)));
  const changes = patch.filter((entry) => directive(entry) !== 'delete');
  return mergeEntries(kept, changes, { merge, mergeItem: (item, change) => mergeValue(item, change, items) });
}

/** Entries named by `$setElementOrder` come in its order; the others keep theirs, behind. */
function inOrder(list: unknown[], order: unknown[], type: FieldType | undefined): unknown[] {
  const merge = mergeOf(type);
  if (!merge) return list;
  const rank = (item: unknown) => {
    const index = order.findIndex((entry) => isSameEntry(item, entry, merge));
    return index < 0 ? order.length : index;
  };
  return [...list].sort((a, b) => rank(a) - rank(b));
}

function mergeObject(object: JsonObject, patch: JsonObject, type: FieldType | undefined): JsonObject {
  if (patch['$patch'] === 'replace') return withoutDirectives(patch) as JsonObject;
  if (patch['$patch'] === 'delete') return {};
  const merged = { ...object };
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(DELETE_PREFIX)) {
      const field = key.slice(DELETE_PREFIX.length);
      merged[field] = listOf(merged[field]).filter((item) => !listOf(value).includes(item));
    } else if (key.startsWith('$')) continue;
    else if (value === null) delete merged[key];
    else merged[key] = mergeValue(merged[key], value, childType(type, key));
  }
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(ORDER_PREFIX)) continue;
    const field = key.slice(ORDER_PREFIX.length);
    merged[field] = inOrder(listOf(merged[field]), listOf(order), childType(type, field));
  }
  return retainKeys(merged, patch['$retainKeys']);
}

function retainKeys(object: JsonObject, keys: unknown): JsonObject {
  if (!Array.isArray(keys)) return object;
  return Object.fromEntries(Object.entries(object).filter(([key]) => keys.includes(key)));
}

function mergeValue(value: unknown, patch: unknown, type: FieldType | undefined): unknown {
  if (Array.isArray(patch) && type?.kind === 'list') return mergeList(listOf(value), patch, type);
  if (isJsonObject(patch)) return mergeObject(isJsonObject(value) ? value : {}, patch, type);
  return patch;
}

/**
 * The object with a strategic merge patch applied: as a merge patch, but lists that have keys are merged entry by
 * entry (Kubernetes sig-api-machinery, strategic-merge-patch.md).
 */
export function applyStrategicMerge(object: JsonObject, patch: JsonObject, typeName: string): JsonObject {
  return mergeObject(object, patch, { kind: 'object', type: typeName });
}
