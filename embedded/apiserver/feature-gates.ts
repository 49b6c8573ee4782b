import { isJsonObject } from '../../src/resource-api/kube-object.ts';

/** Fields that the API server drops while the gate is off: per resource, `[]` and `{}` mean every entry. */
const GATED_FIELDS = {
  DRAAdminAccess: {
    resourceclaims: [
      'spec.devices.requests.[].exactly.adminAccess',
      'status.allocation.devices.results.[].adminAccess',
    ],
    resourceclaimtemplates: ['spec.spec.devices.requests.[].exactly.adminAccess'],
  },
  DRAPrioritizedList: {
    resourceclaims: ['spec.devices.requests.[].firstAvailable'],
    resourceclaimtemplates: ['spec.spec.devices.requests.[].firstAvailable'],
  },
  DRAResourceClaimDeviceStatus: { resourceclaims: ['status.devices'] },
  DRAConsumableCapacity: {
    resourceslices: ['spec.devices.[].allowMultipleAllocations', 'spec.devices.[].capacity.{}.requestPolicy'],
    resourceclaims: [
      'spec.devices.constraints.[].distinctAttribute',
      'spec.devices.requests.[].exactly.capacity',
      'spec.devices.requests.[].firstAvailable.[].capacity',
      'status.allocation.devices.results.[].shareID',
      'status.allocation.devices.results.[].consumedCapacity',
      'status.devices.[].shareID',
    ],
    resourceclaimtemplates: [
      'spec.spec.devices.constraints.[].distinctAttribute',
      'spec.spec.devices.requests.[].exactly.capacity',
      'spec.spec.devices.requests.[].firstAvailable.[].capacity',
    ],
  },
  DRAListTypeAttributes: {
    resourceslices: ['bools', 'ints', 'strings', 'versions'].map((list) => `spec.devices.[].attributes.{}.${list}`),
  },
  DRADeviceTaints: {
    resourceslices: ['spec.devices.[].taints'],
    resourceclaims: ['spec.devices.requests.[].exactly.tolerations'],
    resourceclaimtemplates: ['spec.spec.devices.requests.[].exactly.tolerations'],
  },
  DRAPartitionableDevices: {
    resourceslices: [
      'spec.sharedCounters',
      'spec.perDeviceNodeSelection',
      'spec.devices.[].consumesCounters',
      'spec.devices.[].nodeName',
      'spec.devices.[].nodeSelector',
      'spec.devices.[].allNodes',
    ],
  },
  DRADeviceBindingConditions: {
    resourceslices: [
      'spec.devices.[].bindingConditions',
      'spec.devices.[].bindingFailureConditions',
      'spec.devices.[].bindsToNode',
    ],
  },
  // The field's name changed between 1.36 and 1.37.
  DRANodeAllocatableResources: {
    resourceslices: ['spec.devices.[].nodeAllocatableResourceMappings', 'spec.devices.[].nodeAllocatableResources'],
  },
  DRAExtendedResource: { deviceclasses: ['spec.extendedResourceName'] },
} as const satisfies Record<string, Record<string, readonly string[]>>;

/** A feature gate of Kubernetes that this server honours. */
export type FeatureGate = keyof typeof GATED_FIELDS;

/** Which gates are on; one that is not named is on. */
export type FeatureGates = Readonly<Partial<Record<FeatureGate, boolean>>>;

/** Calls `visit` with every object that holds the last step of a path, and that step. */
function visitPath(value: unknown, steps: readonly string[], visit: (holder: object, key: string) => void): void {
  const [step, ...rest] = steps;
  if (step === undefined || typeof value !== 'object' || value === null) return;
  if (step === '[]' || step === '{}') {
    for (const item of Object.values(value)) visitPath(item, rest, visit);
  } else if (isJsonObject(value) && value[step] !== undefined) {
    if (rest.length === 0) visit(value, step);
    else visitPath(value[step], rest, visit);
  }
}

function isInUse(object: unknown, paths: readonly string[]): boolean {
  let used = false;
  for (const path of paths) {
    visitPath(object, path.split('.'), () => {
      used = true;
    });
  }
  return used;
}

/**
 * Removes from `draft` what belongs to gates that are off. As in the real server a gate that the stored object
 * already uses drops nothing.
 */
export function dropDisabledFields(draft: object, context: DropContext): void {
  for (const [gate, resources] of Object.entries<Record<string, readonly string[]>>(GATED_FIELDS)) {
    if ((context.gates as Record<string, boolean | undefined>)[gate] !== false) continue;
    const paths = resources[context.resource] ?? [];
    if (isInUse(context.stored, paths)) continue;
    for (const path of paths) visitPath(draft, path.split('.'), (holder, key) => Reflect.deleteProperty(holder, key));
  }
}

/** What decides on dropping: the gates, the plural name of the resource, the object as stored before, if any. */
export interface DropContext {
  readonly gates: FeatureGates;
  readonly resource: string;
  readonly stored: object | undefined;
}
