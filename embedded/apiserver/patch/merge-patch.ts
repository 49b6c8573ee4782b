import { isJsonObject, type JsonObject } from '../../../src/resource-api/kube-object.ts';

/** The document with a JSON merge patch (RFC 7386) applied: null removes, lists are replaced. */
export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return structuredClone(patch);
  const merged: JsonObject = isJsonObject(document) ? { ...document } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = applyMergePatch(merged[key], value);
  }
  return merged;
}
