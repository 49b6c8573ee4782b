import { parseQuantity } from '../quantity.ts';
import {
  duplicate,
  forbidden,
  invalidValue,
  nameCause,
  required,
  type StatusCause,
  tooLong,
  tooMany,
} from './causes.ts';
import { isDnsLabel } from './names.ts';
import { requestPolicyCauses, type DeviceCapacity } from './request-policy.ts';
import { driverNameCauses, poolNameCauses, qualifiedNameCauses } from './resource-names.ts';

/** Limits of resource.k8s.io/v1 (api types.go, 1.36). */
const DEVICES_MAX = 128;
const DEVICES_WITH_ADVANCED_FEATURES_MAX = 64;
const ATTRIBUTES_AND_CAPACITIES_MAX = 32;
const ATTRIBUTE_VALUES_MAX = 48;
const ATTRIBUTE_TEXT_LENGTH_MAX = 64;
const TAINTS_MAX = 16;
const COUNTER_SETS_MAX = 8;

const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/;
const LIST_FIELDS = ['bools', 'ints', 'strings', 'versions'] as const;

type Attribute = Record<string, unknown>;

interface Device {
  name?: string;
  attributes?: Record<string, Attribute>;
  capacity?: Record<string, DeviceCapacity>;
  allowMultipleAllocations?: boolean;
  consumesCounters?: unknown[];
  taints?: unknown[];
  nodeName?: string;
  nodeSelector?: object;
  allNodes?: boolean;
}

/** The spec of a ResourceSlice (resource.k8s.io/v1), as far as it is checked. */
export interface SliceSpec {
  driver?: string;
  nodeName?: string;
  nodeSelector?: object;
  allNodes?: boolean;
  perDeviceNodeSelection?: boolean;
  pool?: { name?: string; generation?: number; resourceSliceCount?: number };
  devices?: Device[];
  sharedCounters?: unknown[];
}

function textCauses(field: string, text: unknown): StatusCause[] {
  return String(text).length > ATTRIBUTE_TEXT_LENGTH_MAX ? [tooLong(field, ATTRIBUTE_TEXT_LENGTH_MAX)] : [];
}

function versionCauses(field: string, version: unknown): StatusCause[] {
  const isValid = SEMVER.test(String(version));
  return [
    ...(isValid ? [] : [invalidValue(field, version, 'must be a string compatible with semver.org spec 2.0.0')]),
    ...textCauses(field, version),
  ];
}

function attributeCauses(field: string, attribute: Attribute): StatusCause[] {
  const kinds = Object.keys(attribute);
  if (kinds.length !== 1) return [invalidValue(field, attribute, 'exactly one value must be specified')];
  return Object.entries(attribute).flatMap(([kind, value]) => {
    const path = `${field}.${kind}`;
    if (Array.isArray(value) && value.length === 0)
      return [invalidValue(path, value, 'must not be empty if specified')];
    const values = Array.isArray(value) ? value : [value];
    if (kind.startsWith('string')) return values.flatMap((text) => textCauses(path, text));
    return kind.startsWith('version') ? values.flatMap((version) => versionCauses(path, version)) : [];
  });
}

function hasLists(attribute: Attribute): boolean {
  return LIST_FIELDS.some((field) => attribute[field] !== undefined);
}

function countValues(device: Device): number {
  return Object.values(device.attributes ?? {})
    .map((attribute) =>
      Object.values(attribute).reduce<number>((sum, value) => sum + (Array.isArray(value) ? value.length : 1), 0),
    )
    .reduce((sum, count) => sum + count, 0);
}

function sizeCauses(field: string, device: Device): StatusCause[] {
  const count = Object.keys(device.attributes ?? {}).length + Object.keys(device.capacity ?? {}).length;
  const values = countValues(device);
  const causes = [];
  if (count > ATTRIBUTES_AND_CAPACITIES_MAX) {
    const why = `the total number of attributes and capacities must not exceed ${ATTRIBUTES_AND_CAPACITIES_MAX}`;
    causes.push(invalidValue(field, count, why));
  }
  if (values > ATTRIBUTE_VALUES_MAX) {
    causes.push(
      invalidValue(field, values, `the total number of attribute values must not exceed ${ATTRIBUTE_VALUES_MAX}`),
    );
  }
  return causes;
}

function capacityCauses(field: string, device: Device, capacity: DeviceCapacity): StatusCause[] {
  if (capacity.value === undefined || !parseQuantity(capacity.value)) {
    return [invalidValue(`${field}.value`, capacity.value ?? '', 'must be a quantity')];
  }
  if (!capacity.requestPolicy) return [];
  const path = `${field}.requestPolicy`;
  if (device.allowMultipleAllocations !== true) return [forbidden(path, 'allowMultipleAllocations must be true')];
  return requestPolicyCauses(path, capacity);
}

function deviceCauses(field: string, device: Device, spec: SliceSpec): StatusCause[] {
  const causes = isDnsLabel(device.name ?? '') ? [] : [nameCause(`${field}.name`, device.name, 'a DNS label')];
  causes.push(...sizeCauses(field, device));
  for (const [name, attribute] of Object.entries(device.attributes ?? {})) {
    causes.push(...qualifiedNameCauses(`${field}.attributes`, name));
    causes.push(...attributeCauses(`${field}.attributes[${name}]`, attribute));
  }
  for (const [name, capacity] of Object.entries(device.capacity ?? {})) {
    causes.push(...qualifiedNameCauses(`${field}.capacity`, name));
    causes.push(...capacityCauses(`${field}.capacity[${name}]`, device, capacity));
  }
  const taints = device.taints?.length ?? 0;
  if (taints > TAINTS_MAX) causes.push(tooMany(`${field}.taints`, taints, TAINTS_MAX));
  if (
    spec.perDeviceNodeSelection !== true &&
    (device.nodeName ?? device.nodeSelector ?? device.allNodes) !== undefined
  ) {
    const why =
      '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
    causes.push(invalidValue(field, null, why));
  }
  return causes;
}

function devicesCauses(spec: SliceSpec): StatusCause[] {
  const devices = spec.devices ?? [];
  const isAdvanced = devices.some(
    (device) =>
      (device.taints ?? []).length > 0 ||
      (device.consumesCounters ?? []).length > 0 ||
      Object.values(device.attributes ?? {}).some(hasLists),
  );
  const max = isAdvanced ? DEVICES_WITH_ADVANCED_FEATURES_MAX : DEVICES_MAX;
  if (devices.length > max) return [tooMany('spec.devices', devices.length, max)];
  const names = new Set<string>();
  return devices.flatMap((device, index) => {
    const field = `spec.devices[${index}]`;
    const name = device.name ?? '';
    const repeated = names.has(name) ? [duplicate(field, name)] : [];
    names.add(name);
    return [...deviceCauses(field, device, spec), ...repeated];
  });
}

function nodeCauses(spec: SliceSpec): StatusCause[] {
  const fields = ['nodeName', 'nodeSelector', 'allNodes', 'perDeviceNodeSelection'] as const;
  const set = fields.filter((field) => spec[field] !== undefined && spec[field] !== false && spec[field] !== '');
  const why = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
  if (set.length === 0) return [required('spec', why)];
  return set.length === 1 ? [] : [invalidValue('spec', `{${set.join(', ')}}`, `${why}, but multiple fields are set`)];
}

function poolCauses(pool: SliceSpec['pool'] = {}): StatusCause[] {
  const { name, generation = 0, resourceSliceCount = 0 } = pool;
  const causes = poolNameCauses('spec.pool.name', name);
  if (resourceSliceCount <= 0) {
    causes.push(invalidValue('spec.pool.resourceSliceCount', resourceSliceCount, 'must be greater than zero'));
  }
  if (generation < 0) {
    causes.push(invalidValue('spec.pool.generation', generation, 'must be greater than or equal to zero'));
  }
  return causes;
}

/** What is wrong with the spec of a ResourceSlice (pkg/apis/resource/validation, 1.37). */
export function sliceSpecCauses(spec: SliceSpec): StatusCause[] {
  const causes = [...driverNameCauses('spec.driver', spec.driver), ...poolCauses(spec.pool), ...nodeCauses(spec)];
  if (spec.sharedCounters && spec.devices) {
    causes.push(invalidValue('spec', '', 'only one of `sharedCounters` or `devices` is allowed'));
  }
  const counterSets = spec.sharedCounters?.length ?? 0;
  if (counterSets > COUNTER_SETS_MAX) causes.push(tooMany('spec.sharedCounters', counterSets, COUNTER_SETS_MAX));
  return [...causes, ...devicesCauses(spec)];
}
