import { asObject, type JsonObject } from '../../lib/json.ts';
import type { ApiObject } from '../api-object.ts';
import { malformedAnswer } from '../check-object.ts';

function isMap(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A map below a claim; empty where there is none. */
function readMap(action: string, parent: JsonObject, path: string): JsonObject {
  const value = parent[path.slice(path.lastIndexOf('.') + 1)] ?? {};
  if (isMap(value)) return value;
  throw malformedAnswer(action, path, { value, want: 'a map' });
}

function isResult(value: unknown): boolean {
  const { driver, pool, device } = asObject(value);
  return [driver, pool, device].every((field) => typeof field === 'string' && field !== '');
}

/**
 * Makes sure that a claim's status has the form of resource.k8s.io/v1: a claim of which the allocation cannot be read must not look
 * like one that has none.
 * @throws ApiError MalformedAnswer naming the field.
 */
export function checkClaim(action: string, claim: ApiObject): ApiObject {
  const status = readMap(action, asObject(claim), 'status');
  const allocation = readMap(action, status, 'status.allocation');
  const devices = readMap(action, allocation, 'status.allocation.devices');
  const results = devices['results'] ?? [];
  if (Array.isArray(results) && results.every(isResult)) return claim;
  const want = 'a list of results with driver, pool and device';
  throw malformedAnswer(action, 'status.allocation.devices.results', { value: results, want });
}
