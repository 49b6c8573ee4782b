import { isJsonObject, type JsonObject } from './kube-object.ts';

/** The version of resource.k8s.io in which requests have their fields beside their names, and devices theirs in `basic`. */
export const V1BETA1 = 'resource.k8s.io/v1beta1';

/** A request of v1beta1 as v1 has it: what is not an alternative goes below `exactly`. */
function toV1Request(request: unknown): unknown {
  if (!isJsonObject(request)) return request;
  const { name, firstAvailable, ...exactly } = request;
  return {
    ...(name === undefined ? {} : { name }),
    ...(firstAvailable === undefined ? {} : { firstAvailable }),
    ...(Object.keys(exactly).length === 0 ? {} : { exactly }),
  };
}

/**
 * The `spec.devices` of a claim or template in the form of resource.k8s.io/v1, whichever version it is written in.
 * @param devices read by the schema of its version.
 */
export function toV1Devices(devices: JsonObject, apiVersion: string): JsonObject {
  const { requests } = devices;
  if (apiVersion !== V1BETA1 || !Array.isArray(requests)) return devices;
  return { ...devices, requests: requests.map(toV1Request) };
}

/** A device of v1beta1 as v1 has it: without the object around its fields. */
function toV1Device(device: unknown): unknown {
  if (!isJsonObject(device)) return device;
  const { basic, ...rest } = device;
  return isJsonObject(basic) ? { ...rest, ...basic } : rest;
}

/** The `spec` of a slice in the form of resource.k8s.io/v1. @param spec read by the schema of its version. */
export function toV1Slice(spec: JsonObject, apiVersion: string): JsonObject {
  const { devices } = spec;
  if (apiVersion !== V1BETA1 || !Array.isArray(devices)) return spec;
  return { ...spec, devices: devices.map(toV1Device) };
}

/** One device each unless a request says otherwise (resource.k8s.io/v1 defaults). */
function setDefaults(request: unknown): void {
  if (!isJsonObject(request)) return;
  request['allocationMode'] ??= 'ExactCount';
  if (request['allocationMode'] === 'ExactCount') request['count'] ??= 1;
}

/** Fills in what the API server fills in for the requests of a claim; changes the object. */
export function setRequestDefaults(devices: unknown): void {
  const requests = isJsonObject(devices) ? devices['requests'] : undefined;
  for (const request of Array.isArray(requests) ? requests : []) {
    if (!isJsonObject(request)) continue;
    setDefaults(request['exactly']);
    const alternatives = request['firstAvailable'];
    if (Array.isArray(alternatives)) for (const alternative of alternatives) setDefaults(alternative);
  }
}
