import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../../src/resource-api/kube-object.ts';
import { forbidden, immutable, type StatusCause } from '../../../src/resource-api/validate/causes.ts';
import {
  type DeviceClaim,
  deviceClaimCauses,
  requestNames,
} from '../../../src/resource-api/validate/resource-claim.ts';
import { type ClaimStatus, claimStatusCauses } from './claim-status.ts';

function claimOf(object: KubeObject, isTemplate: boolean): DeviceClaim {
  const spec = (object['spec'] ?? {}) as { devices?: DeviceClaim; spec?: { devices?: DeviceClaim } };
  return (isTemplate ? spec.spec?.devices : spec.devices) ?? {};
}

/** What is wrong with a ResourceClaim and its status (pkg/apis/resource/validation, 1.37). */
export function validateClaim(claim: KubeObject, stored: KubeObject | undefined): StatusCause[] {
  if (!stored) return deviceClaimCauses('spec.devices', claimOf(claim, false));
  if (!isDeepStrictEqual(claim['spec'], stored['spec'])) return [immutable('spec')];
  if (isDeepStrictEqual(claim['status'], stored['status'])) return [];
  const status = { status: claim['status'] as ClaimStatus, stored: stored['status'] as ClaimStatus | undefined };
  const names = requestNames(claimOf(claim, false));
  const causes = claimStatusCauses({ ...status, requestNames: names });
  const added = (status.status?.reservedFor ?? []).length > (status.stored?.reservedFor ?? []).length;
  if (claim.metadata.deletionTimestamp !== undefined && added) {
    causes.push(forbidden('status.reservedFor', 'new entries may not be added while `deletionTimestamp` is set'));
  }
  return causes;
}

/** What is wrong with a ResourceClaimTemplate. */
export function validateClaimTemplate(template: KubeObject, stored: KubeObject | undefined): StatusCause[] {
  if (stored) return isDeepStrictEqual(template['spec'], stored['spec']) ? [] : [immutable('spec')];
  return deviceClaimCauses('spec.spec.devices', claimOf(template, true));
}
