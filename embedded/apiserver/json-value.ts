import { isJsonObject } from '../../src/resource-api/kube-object.ts';

/** The value at a dotted path, undefined where a step is missing. */
export function valueAt(object: unknown, path: string): unknown {
  let value = object;
  for (const step of path.split('.')) {
    if (!isJsonObject(value)) return undefined;
    value = value[step];
  }
  return value;
}

/** Freezes a JSON value with everything in it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}
