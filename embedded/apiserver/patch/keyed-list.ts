import { isDeepStrictEqual } from 'node:util';
import { isJsonObject } from '../../../src/resource-api/kube-object.ts';
import type { ListMerge } from '../../../src/resource-api/schema/field-type.ts';

/** Whether two entries of a list are the same one; a key that both lack counts as equal. */
export function isSameEntry(a: unknown, b: unknown, merge: ListMerge): boolean {
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
