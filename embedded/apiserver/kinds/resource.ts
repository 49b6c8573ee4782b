import { isJsonObject, type JsonObject, type KubeObject } from '../../../src/resource-api/kube-object.ts';
import { valueAt } from '../json-value.ts';
import { validateDeviceClass } from '../../../src/resource-api/validate/device-class.ts';
import { validateClaim, validateClaimTemplate, validateSlice } from './resource-rules.ts';
import { setRequestDefaults } from '../../../src/resource-api/versions.ts';
import { AGE_COLUMN, NAME_COLUMN, pathColumn, textColumn } from './columns.ts';
import { defineKind, type ResourceKind } from './resource-kind.ts';

const GROUP = 'resource.k8s.io';

/** "pending", "allocated,reserved", "deleted,...": as the real server's printer. */
function claimState(claim: KubeObject): string {
  const states = [];
  if (claim.metadata.deletionTimestamp !== undefined) states.push('deleted');
  const isAllocated = isJsonObject(valueAt(claim, 'status.allocation'));
  const reserved = valueAt(claim, 'status.reservedFor');
  if (!isAllocated && states.length === 0) return 'pending';
  if (isAllocated) states.push('allocated');
  if (Array.isArray(reserved) && reserved.length > 0) states.push('reserved');
  return states.join(',');
}

/** Driver, pool, device and share of every result of an allocation. */
function allocatedDevices(claim: KubeObject | undefined): Set<string> {
  const results = valueAt(claim, 'status.allocation.devices.results');
  return new Set((Array.isArray(results) ? (results as JsonObject[]) : []).map(deviceText));
}

function deviceText(device: JsonObject): string {
  return JSON.stringify([device['driver'], device['pool'], device['device'], device['shareID']]);
}

/** The status of devices that are no longer allocated goes with their allocation. */
function dropDeallocated(claim: KubeObject, stored: KubeObject | undefined): void {
  const status = claim['status'];
  if (!stored || !isJsonObject(status) || !Array.isArray(status['devices'])) return;
  const before = allocatedDevices(stored);
  const now = allocatedDevices(claim);
  const kept = (status['devices'] as JsonObject[]).filter((device) => {
    const text = deviceText(device);
    return now.has(text) || !before.has(text);
  });
  if (kept.length > 0) status['devices'] = kept;
  else delete status['devices'];
}

/** resource.k8s.io/v1. */
export const RESOURCE_KINDS: readonly ResourceKind[] = [
  defineKind({
    group: GROUP,
    plural: 'deviceclasses',
    kind: 'DeviceClass',
    namespaced: false,
    hasGeneration: true,
    validate: validateDeviceClass,
  }),
  defineKind({
    group: GROUP,
    plural: 'resourceslices',
    kind: 'ResourceSlice',
    namespaced: false,
    hasGeneration: true,
    selectableFields: ['spec.nodeName', 'spec.driver'],
    columns: [
      NAME_COLUMN,
      pathColumn('Node', 'spec.nodeName', { absent: '<unset>' }),
      pathColumn('Driver', 'spec.driver'),
      pathColumn('Pool', 'spec.pool.name'),
      AGE_COLUMN,
    ],
    validate: validateSlice,
  }),
  defineKind({
    group: GROUP,
    plural: 'resourceclaims',
    kind: 'ResourceClaim',
    namespaced: true,
    subresources: { status: { kind: 'part', path: 'status' } },
    columns: [NAME_COLUMN, textColumn('State', 'Whether it is allocated and in use.', claimState), AGE_COLUMN],
    setDefaults: (claim, stored) => {
      setRequestDefaults(valueAt(claim, 'spec.devices'));
      dropDeallocated(claim, stored);
    },
    validate: validateClaim,
  }),
  defineKind({
    group: GROUP,
    plural: 'resourceclaimtemplates',
    kind: 'ResourceClaimTemplate',
    namespaced: true,
    setDefaults: (template) => setRequestDefaults(valueAt(template, 'spec.spec.devices')),
    validate: validateClaimTemplate,
  }),
];
