import { asList, asObject } from '../../lib/json.ts';
import type { ApiObject } from '../api-object.ts';
import { malformedAnswer } from '../check-object.ts';
import type { StoredSlice } from './slice-pool.ts';

/** A device has five levels of fields (resource.k8s.io/v1, types.go, 1.37); what is deeper is not a device. */
const DEVICE_DEPTH_MAX = 10;

function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth === 0 || Object.values(value).some((field) => isDeeper(field, depth - 1));
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/**
 * Makes sure that an object has the fields of a ResourceSlice that the driver reads (resource.k8s.io/v1).
 * @throws ApiError MalformedAnswer naming the field.
 */
export function checkSlice(object: ApiObject): StoredSlice {
  const action = `Cannot read resourceslices "${object.metadata.name}"`;
  const spec = asObject(asObject(object)['spec']);
  const pool = asObject(spec['pool']);
  for (const [field, value] of [
    ['spec.driver', spec['driver']],
    ['spec.pool.name', pool['name']],
  ] as const) {
    if (typeof value !== 'string') throw malformedAnswer(action, field, { value, want: 'a text' });
  }
  for (const field of ['generation', 'resourceSliceCount']) {
    if (!isCount(pool[field]))
      throw malformedAnswer(action, `spec.pool.${field}`, { value: pool[field], want: 'a count' });
  }
  const devices = spec['devices'] ?? [];
  const areDevices = Array.isArray(devices) && asList(devices).every((device) => asObject(device) === device);
  if (!areDevices || isDeeper(devices, DEVICE_DEPTH_MAX)) {
    throw malformedAnswer(action, 'spec.devices', { value: devices, want: 'a list of devices' });
  }
  return object as StoredSlice;
}
