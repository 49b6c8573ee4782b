import { isDeepStrictEqual } from 'node:util';
import type { StatusCause } from '../../../src/resource-api/validate/causes.ts';
import {
  duplicate,
  forbidden,
  immutable,
  invalidValue,
  required,
  tooLong,
  tooMany,
} from '../../../src/resource-api/validate/causes.ts';
import { driverNameCauses, poolNameCauses } from '../../../src/resource-api/validate/resource-names.ts';

/** The identity of an allocated share of a device. */
interface DeviceIdentity {
  driver?: string;
  pool?: string;
  device?: string;
  shareID?: string;
}

/** ResourceClaim status as far as it is checked. */
export interface ClaimStatus {
  allocation?: { devices?: { results?: (DeviceIdentity & { request?: string })[] } };
  reservedFor?: { resource?: string; name?: string; uid?: string }[];
  devices?: (DeviceIdentity & { conditions?: object[]; data?: unknown })[];
}

/** Limits of resource.k8s.io/v1 (api types.go, 1.36). */
const RESERVED_FOR_MAX = 256;
const RESULTS_MAX = 32;
const CONDITIONS_MAX = 8;
const DATA_LENGTH_MAX = 10 * 1024;

/** What the status of a claim is judged by. */
interface StatusChange {
  readonly status: ClaimStatus | undefined;
  readonly stored: ClaimStatus | undefined;
  readonly requestNames: ReadonlySet<string>;
}

/** One text per device share, for comparing. */
function identityText(identity: DeviceIdentity): string {
  const { driver, pool, device, shareID } = identity;
  return [driver, pool, device, ...(shareID === undefined ? [] : [shareID])].join('/');
}

function reservationCauses(status: ClaimStatus): StatusCause[] {
  const reservations = status.reservedFor ?? [];
  if (reservations.length > RESERVED_FOR_MAX) {
    return [tooMany('status.reservedFor', reservations.length, RESERVED_FOR_MAX)];
  }
  if (reservations.length > 0 && !status.allocation) {
    return [forbidden('status.reservedFor', 'may not be specified when `allocated` is not set')];
  }
  return reservations.flatMap((reservation, index) =>
    (['resource', 'name', 'uid'] as const)
      .filter((field) => !reservation[field])
      .map((field) => required(`status.reservedFor[${index}].${field}`)),
  );
}

function allocationCauses(change: StatusChange): StatusCause[] {
  const { status, stored, requestNames } = change;
  if (!status?.allocation) return [];
  if (stored?.allocation) {
    return isDeepStrictEqual(status.allocation, stored.allocation) ? [] : [immutable('status.allocation')];
  }
  const results = status.allocation.devices?.results ?? [];
  const field = 'status.allocation.devices.results';
  if (results.length > RESULTS_MAX) return [tooMany(field, results.length, RESULTS_MAX)];
  return results.flatMap((result, index) => {
    const path = `${field}[${index}]`;
    const isKnown = requestNames.has(result.request ?? '');
    return [
      ...(isKnown
        ? []
        : [invalidValue(`${path}.request`, result.request, 'must be the name of a request in the claim')]),
      ...driverNameCauses(`${path}.driver`, result.driver),
      ...poolNameCauses(`${path}.pool`, result.pool),
    ];
  });
}

function deviceStatusCauses(status: ClaimStatus): StatusCause[] {
  const allocated = new Set((status.allocation?.devices?.results ?? []).map(identityText));
  const seen = new Set<string>();
  return (status.devices ?? []).flatMap((device, index) => {
    const field = `status.devices[${index}]`;
    const identity = identityText(device);
    const causes = allocated.has(identity)
      ? []
      : [invalidValue(field, identity, 'must be an allocated device in the claim')];
    if (seen.has(identity)) causes.push(duplicate(field, identity));
    seen.add(identity);
    const conditions = device.conditions?.length ?? 0;
    if (conditions > CONDITIONS_MAX) causes.push(tooMany(`${field}.conditions`, conditions, CONDITIONS_MAX));
    const { data } = device;
    if (data === undefined) return causes;
    if (typeof data !== 'object' || Array.isArray(data)) {
      causes.push(invalidValue(`${field}.data`, '<value omitted>', 'must be a valid JSON object'));
    } else if (JSON.stringify(data).length > DATA_LENGTH_MAX) causes.push(tooLong(`${field}.data`, DATA_LENGTH_MAX));
    return causes;
  });
}

/** What is wrong with a changed status of a claim (validation.go validateResourceClaimStatusUpdate, 1.37). */
export function claimStatusCauses(change: StatusChange): StatusCause[] {
  const status = change.status ?? {};
  return [...reservationCauses(status), ...allocationCauses(change), ...deviceStatusCauses(status)];
}
