import type { DeviceAttribute, SliceDevice } from '../../devices/slice-device.ts';
import type { ApiErrorCause } from '../api-status.ts';
import { isListAttribute } from './slice-pool.ts';

/** Feature gates of Kubernetes that fields of a device need (1.34 to 1.37); without it the API server drops the field. */
const GATE_OF_FIELD: Readonly<Record<string, string>> = {
  allowMultipleAllocations: 'DRAConsumableCapacity',
  requestPolicy: 'DRAConsumableCapacity',
  strings: 'DRAListTypeAttributes',
  ints: 'DRAListTypeAttributes',
  bools: 'DRAListTypeAttributes',
  versions: 'DRAListTypeAttributes',
  taints: 'DRADeviceTaints',
  consumesCounters: 'DRAPartitionableDevices',
  nodeAllocatableResourceMappings: 'DRANodeAllocatableResources',
  nodeAllocatableResources: 'DRANodeAllocatableResources',
};

/** Attributes and capacities of one device together (resource.k8s.io/v1, ResourceSliceMaxAttributesAndCapacitiesPerDevice). */
const ATTRIBUTES_AND_CAPACITIES_MAX = 32;

/** Devices that the API server may take, and what was given up for that. */
export interface ReducedDevices {
  readonly devices: SliceDevice[];
  readonly reasons: string[];
}

/** What to say of a field that the cluster does not keep. */
function describeField(field: string): string {
  const gate = GATE_OF_FIELD[field];
  return gate === undefined
    ? `the cluster does not keep the field "${field}" of devices`
    : `the cluster does not keep the field "${field}" of devices: switch on the feature gate ${gate}`;
}

function missingFields(sent: unknown, stored: unknown, into: Set<string>): void {
  if (typeof sent !== 'object' || sent === null) return;
  for (const [key, value] of Object.entries(sent)) {
    const kept = (stored as Record<string, unknown> | null | undefined)?.[key];
    if (kept === undefined && !Array.isArray(sent)) into.add(key);
    else missingFields(value, kept, into);
  }
}

/** The fields that did not come back from the API server, each with the gate to switch on. */
export function findDroppedFields(sent: readonly SliceDevice[], stored: readonly unknown[] = []): string[] {
  const fields = new Set<string>();
  missingFields(sent, stored, fields);
  return [...fields].sort().map(describeField);
}

/** A list with one value as that value, other lists as nothing. */
function asSingleValue(attribute: DeviceAttribute): DeviceAttribute | undefined {
  if (!('strings' in attribute)) return isListAttribute(attribute) ? undefined : attribute;
  const [value, ...others] = attribute.strings;
  return value === undefined || others.length > 0 ? undefined : { string: value };
}

type ChangeAttribute = (name: string, attribute: DeviceAttribute) => DeviceAttribute | undefined;

function mapAttributes(device: SliceDevice, change: ChangeAttribute): SliceDevice {
  const attributes = Object.entries(device.attributes).flatMap(([name, attribute]) => {
    const changed = change(name, attribute);
    return changed === undefined ? [] : [[name, changed] as const];
  });
  return { ...device, attributes: Object.fromEntries(attributes) };
}

/** Collects what has to go, by the causes of one refusal. */
class Reduction {
  readonly reasons = new Set<string>();
  #devices: (SliceDevice | undefined)[];

  constructor(devices: readonly SliceDevice[]) {
    this.#devices = [...devices];
  }

  get devices(): SliceDevice[] {
    return this.#devices.filter((device) => device !== undefined);
  }

  /** Gives up what one cause names. */
  apply(index: number, rest: string, message: string): void {
    const device = this.#devices[index];
    if (device === undefined) return;
    const [, name] = /^\.attributes\[([^\]]+)\]/.exec(rest) ?? [];
    const attribute = name === undefined ? undefined : device.attributes[name];
    const count = Object.keys(device.attributes).length + Object.keys(device.capacity ?? {}).length;
    if (name !== undefined && attribute !== undefined) this.#giveUpAttribute(index, name, attribute, message);
    else if (name === undefined && count > ATTRIBUTES_AND_CAPACITIES_MAX) this.#trim(index, device, message);
    else if (name === undefined) {
      this.#devices[index] = undefined;
      this.reasons.add(`device "${device.name}" is not published: ${message}`);
    }
  }

  #giveUpAttribute(index: number, name: string, attribute: DeviceAttribute, message: string): void {
    if (!isListAttribute(attribute)) {
      this.#devices[index] = this.#without(index, name);
      this.reasons.add(`attribute "${name}" is not published on every device: ${message}`);
      return;
    }
    // A server that takes no list takes none of the other devices' either.
    this.#devices = this.#devices.map(
      (device) => device && mapAttributes(device, (other, value) => (other === name ? asSingleValue(value) : value)),
    );
    this.reasons.add(
      `attribute "${name}" is published only where it has a single value: the cluster takes no lists; switch on the ` +
        'feature gate DRAListTypeAttributes',
    );
  }

  #without(index: number, name: string): SliceDevice | undefined {
    const device = this.#devices[index];
    return device && mapAttributes(device, (other, value) => (other === name ? undefined : value));
  }

  #trim(index: number, device: SliceDevice, message: string): void {
    const room = Math.max(0, ATTRIBUTES_AND_CAPACITIES_MAX - Object.keys(device.capacity ?? {}).length);
    const kept = new Set(Object.keys(device.attributes).slice(0, room));
    this.#devices[index] = mapAttributes(device, (name, value) => (kept.has(name) ? value : undefined));
    this.reasons.add(`some attributes of device "${device.name}" are not published: ${message}`);
  }
}

/**
 * The devices without what the API server refused in a slice that begins with the `offset`-th of them; undefined when its
 * causes name nothing that could be left out.
 */
export function withoutRefused(
  devices: readonly SliceDevice[],
  offset: number,
  causes: readonly ApiErrorCause[],
): ReducedDevices | undefined {
  const reduction = new Reduction(devices);
  for (const { field, message } of causes) {
    const [, index, rest = ''] = /^spec\.devices\[(\d+)\](.*)$/.exec(field) ?? [];
    if (index !== undefined) reduction.apply(offset + Number(index), rest, message);
  }
  return reduction.reasons.size === 0 ? undefined : { devices: reduction.devices, reasons: [...reduction.reasons] };
}
