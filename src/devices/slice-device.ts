import type { CpuTopology } from '../topology/topology.ts';
import type { Device } from './device.ts';

/** The name under which the scheduler counts the CPUs of a grouped device. */
export const CPU_CAPACITY = 'dra.cpu/cpu';

/** One attribute of a device (resource.k8s.io/v1 DeviceAttribute, KEP-4381; lists: KEP-5491). */
export type DeviceAttribute = { int: number } | { bool: boolean } | { string: string } | { strings: string[] };

/** Which amounts of a capacity can be consumed (resource.k8s.io/v1 CapacityRequestPolicy, KEP-5075). */
export type RequestPolicy =
  | { default: string; validRange: { min: string; step: string } }
  | { default: string; validValues: string[] };

/** How allocations count as the node's `cpu` (resource.k8s.io/v1 NodeAllocatableResource, KEP-5517, 1.37). */
export interface NodeAllocatableResource {
  mapping: { capacityKey: string; capacityMultiplier: string } | { deviceMultiplier: string };
}

/** Keeps claims that do not tolerate it from being allocated the device (resource.k8s.io/v1 DeviceTaint, KEP-5055). */
export interface DeviceTaint {
  key: string;
  value?: string;
  /** "NoSchedule" or "NoExecute". */
  effect: string;
}

/** A device as it stands in `ResourceSlice.spec.devices` (resource.k8s.io/v1). */
export interface SliceDevice {
  name: string;
  attributes: Record<string, DeviceAttribute>;
  capacity?: Record<string, { value: string; requestPolicy?: RequestPolicy }>;
  allowMultipleAllocations?: true;
  nodeAllocatableResources?: Record<string, NodeAllocatableResource>;
  taints?: DeviceTaint[];
}

/** What is published beyond the defaults. */
export interface SliceDeviceOptions {
  /** Publish `resource.kubernetes.io/pcieRoot` (needs the feature gate DRAListTypeAttributes). */
  readonly exposePcieRoots: boolean;
  /** Publish how allocations count as the node's `cpu` (needs the feature gate DRANodeAllocatableResources); default false. */
  readonly publishNodeAllocatable?: boolean;
  /** Why devices should not be allocated now; the cluster needs the feature gate DRADeviceTaints. */
  readonly taints?: readonly DeviceTaint[];
}

/** Whether any core runs more than one thread. */
function isSmtEnabled(topology: CpuTopology): boolean {
  return topology.cores.some((core) => core.cpus.size > 1);
}

/** The standard NUMA attribute and its two older names. */
function numaAttributes(numaNode: number): Record<string, DeviceAttribute> {
  return {
    'resource.kubernetes.io/numaNode': { int: numaNode },
    'dra.cpu/numaNodeID': { int: numaNode },
    'dra.net/numaNode': { int: numaNode },
  };
}

/** An integer attribute, or none where the kernel does not tell the number. */
function known(name: string, value: number | undefined): Record<string, DeviceAttribute> {
  return value === undefined ? {} : { [name]: { int: value } };
}

function identityAttributes(device: Device): Record<string, DeviceAttribute> {
  switch (device.kind) {
    case 'numanode':
      return { ...numaAttributes(device.numaNode), ...known('dra.cpu/socketID', device.socketId) };
    case 'socket':
      return known('dra.cpu/socketID', device.socketId);
    case 'l3cache':
      return {
        ...(device.numaNode === undefined ? {} : numaAttributes(device.numaNode)),
        ...known('dra.cpu/socketID', device.socketId),
        ...known('dra.cpu/cacheL3ID', device.l3CacheId),
      };
    case 'machine':
      return {};
    case 'cpu':
      return {
        ...numaAttributes(device.cpu.numaNode),
        ...known('dra.cpu/socketID', device.cpu.socketId),
        ...known('dra.cpu/cacheL3ID', device.l3CacheId),
        ...known('dra.cpu/coreID', device.cpu.coreId),
        'dra.cpu/coreType': { string: device.cpu.coreType },
        'dra.cpu/cpuID': { int: device.cpu.cpu },
      };
  }
}

/** Values that all attributes of a device may have together: the API server refuses the slice otherwise (KEP-5491). */
const ATTRIBUTE_VALUES_MAX = 48;

/**
 * The PCIe roots local to any CPU of the device, in order of their names: the first ones only where they are more than the API
 * server takes, `room`. That happens on machines of four sockets and more whose firmware places no root.
 */
function pcieAttributes(device: Device, topology: CpuTopology, room: number): Record<string, DeviceAttribute> {
  const roots = topology.pcieRoots
    .filter((root) => root.cpus.intersects(device.cpus))
    .map((root) => root.pcieRoot)
    .sort()
    .slice(0, room);
  return roots.length === 0 ? {} : { 'resource.kubernetes.io/pcieRoot': { strings: roots } };
}

/**
 * What the scheduler makes of a request: nothing asked for is one step, an amount in between is rounded up to the next.
 * The API server refuses a range whose first step ends beyond the capacity, so a device of one step has it as its one value.
 */
function requestPolicy({ cpus, step }: Device): RequestPolicy {
  const one = String(step);
  return cpus.size < 2 * step
    ? { default: one, validValues: [one] }
    : { default: one, validRange: { min: one, step: one } };
}

function nodeAllocatable(isGrouped: boolean): Pick<SliceDevice, 'nodeAllocatableResources'> {
  const mapping = isGrouped ? { capacityKey: CPU_CAPACITY, capacityMultiplier: '1' } : { deviceMultiplier: '1' };
  return { nodeAllocatableResources: { cpu: { mapping } } };
}

/** A device as JSON for a ResourceSlice; names and types of attributes are the reference driver's (de98098). */
export function toSliceDevice(device: Device, topology: CpuTopology, options: SliceDeviceOptions): SliceDevice {
  const identity = { ...identityAttributes(device), 'dra.cpu/smtEnabled': { bool: isSmtEnabled(topology) } };
  const size = known('dra.cpu/numCPUs', device.kind === 'cpu' ? undefined : device.cpus.size);
  const room = ATTRIBUTE_VALUES_MAX - Object.keys(identity).length - Object.keys(size).length;
  const roots = options.exposePcieRoots ? pcieAttributes(device, topology, room) : {};
  const attributes = { ...identity, ...roots, ...size };
  const { taints = [], publishNodeAllocatable } = options;
  const mapping = {
    ...(publishNodeAllocatable && nodeAllocatable(device.kind !== 'cpu')),
    ...(taints.length > 0 && { taints: [...taints] }),
  };
  if (device.kind === 'cpu') return { name: device.name, attributes, ...mapping };
  return {
    name: device.name,
    attributes,
    capacity: { [CPU_CAPACITY]: { value: String(device.cpus.size), requestPolicy: requestPolicy(device) } },
    allowMultipleAllocations: true,
    ...mapping,
  };
}
