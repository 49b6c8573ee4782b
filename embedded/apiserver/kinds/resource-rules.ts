import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type KubeObject } from '../../../src/resource-api/kube-object.ts';
import type { ResourceClaim, ResourceSlice } from '../../../src/resource-api/objects.ts';
import {
  duplicate,
  forbidden,
  immutable,
  invalidValue,
  type StatusCause,
  tooLong,
  tooMany,
} from '../../../src/resource-api/validate/causes.ts';
import { type DeviceClaim, deviceClaimCauses } from '../../../src/resource-api/validate/resource-claim.ts';
import { sliceSpecCauses } from '../../../src/resource-api/validate/resource-slice.ts';

/** Limits on what drivers write into the status of a claim (resource.k8s.io/v1 types.go, 1.36). */
const CONDITIONS_MAX = 8;
const DATA_LENGTH_MAX = 10 * 1024;

type Status = NonNullable<ResourceClaim['status']>;
type DeviceStatus = NonNullable<Status['devices']>[number];

/** One text per device share, for comparing. */
function identityText({ driver, pool, device, shareID }: DeviceStatus): string {
  return [driver, pool, device, ...(shareID === undefined ? [] : [shareID])].join('/');
}

function deviceCauses(field: string, { conditions = [], data }: DeviceStatus): StatusCause[] {
  const causes =
    conditions.length > CONDITIONS_MAX ? [tooMany(`${field}.conditions`, conditions.length, CONDITIONS_MAX)] : [];
  if (data === undefined) return causes;
  if (!isJsonObject(data)) {
    causes.push(invalidValue(`${field}.data`, '<value omitted>', 'must be a valid JSON object'));
  } else if (JSON.stringify(data).length > DATA_LENGTH_MAX) causes.push(tooLong(`${field}.data`, DATA_LENGTH_MAX));
  return causes;
}

/** What is wrong with a changed status: drivers speak of allocated devices only, each once. */
function statusCauses(status: Status, stored: Status): StatusCause[] {
  const { allocation, reservedFor = [], devices = [] } = status;
  const causes: StatusCause[] = [];
  if (stored.allocation && allocation && !isDeepStrictEqual(allocation, stored.allocation)) {
    causes.push(immutable('status.allocation'));
  }
  if (reservedFor.length > 0 && !allocation) {
    causes.push(forbidden('status.reservedFor', 'may not be specified when `allocated` is not set'));
  }
  const allocated = new Set((allocation?.devices.results ?? []).map(identityText));
  const seen = new Set<string>();
  for (const [index, device] of devices.entries()) {
    const field = `status.devices[${index}]`;
    const identity = identityText(device);
    if (!allocated.has(identity))
      causes.push(invalidValue(field, identity, 'must be an allocated device in the claim'));
    if (seen.has(identity)) causes.push(duplicate(field, identity));
    seen.add(identity);
    causes.push(...deviceCauses(field, device));
  }
  return causes;
}

/** What is wrong with a ResourceClaim; its spec never changes, nor does its allocation but by going. */
export function validateClaim(claim: KubeObject, stored: KubeObject | undefined): StatusCause[] {
  const { spec, status = {} } = claim as ResourceClaim;
  if (!stored) return deviceClaimCauses('spec.devices', spec.devices ?? {});
  if (!isDeepStrictEqual(spec, stored['spec'])) return [immutable('spec')];
  return isDeepStrictEqual(status, stored['status'])
    ? []
    : statusCauses(status, (stored as ResourceClaim).status ?? {});
}

/** What is wrong with a ResourceClaimTemplate. */
export function validateClaimTemplate(template: KubeObject, stored: KubeObject | undefined): StatusCause[] {
  if (stored) return isDeepStrictEqual(template['spec'], stored['spec']) ? [] : [immutable('spec')];
  const { spec = {} } = template['spec'] as { spec?: { devices?: DeviceClaim } };
  return deviceClaimCauses('spec.spec.devices', spec.devices ?? {});
}

/** What is wrong with a ResourceSlice; it stays with its node, driver and pool. */
export function validateSlice(slice: KubeObject, stored: KubeObject | undefined): StatusCause[] {
  const causes = sliceSpecCauses(slice['spec'] ?? {});
  if (!stored) return causes;
  const [spec, before] = [(slice as ResourceSlice).spec, (stored as ResourceSlice).spec];
  if (spec.pool?.name !== before.pool.name) causes.push(immutable('spec.pool.name'));
  if (spec.driver !== before.driver) causes.push(immutable('spec.driver'));
  if (spec.nodeName !== before.nodeName) causes.push(immutable('spec.nodeName'));
  return causes;
}
