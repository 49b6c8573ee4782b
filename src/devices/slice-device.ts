import type { CpuTopology } from '../topology/topology.ts';
import type { Device } from './device.ts';

/** The name under which the scheduler counts the CPUs of a grouped device. */
export const CPU_CAPACITY = 'dra.cpu/cpu';

/** One attribute of a device (resource.k8s.io/v1 DeviceAttribute, KEP-4381; lists: KEP-5491). */
export type DeviceAttribute = { int: number } | { bool: boolean } | { string: string } | { strings: string[] };

/** A device as it stands in `ResourceSlice.spec.devices` (resource.k8s.io/v1). */
export interface SliceDevice {
  name: string;
  attributes: Record<string, DeviceAttribute>;
  capacity?: Record<string, { value: string }>;
  allowMultipleAllocations?: true;
}

/** What is published beyond the defaults. */
export interface SliceDeviceOptions {
  /** Publish `resource.kubernetes.io/pcieRoot` (needs the feature gate DRAListTypeAttributes). */
  readonly exposePcieRoots: boolean;
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
        ...numaAttributes(device.numaNode),
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

function pcieAttributes(device: Device, topology: CpuTopology): Record<string, DeviceAttribute> {
  const roots = topology.pcieRoots.filter((root) => root.cpus.intersects(device.cpus)).map((root) => root.pcieRoot);
  return roots.length === 0 ? {} : { 'resource.kubernetes.io/pcieRoot': { strings: roots.sort() } };
}

/** A device as JSON for a ResourceSlice; names and types of attributes are the reference driver's (de98098). */
export function toSliceDevice(device: Device, topology: CpuTopology, options: SliceDeviceOptions): SliceDevice {
  const attributes = {
    ...identityAttributes(device),
    'dra.cpu/smtEnabled': { bool: isSmtEnabled(topology) },
    ...(options.exposePcieRoots ? pcieAttributes(device, topology) : {}),
  };
  if (device.kind === 'cpu') return { name: device.name, attributes };
  return {
    name: device.name,
    attributes: { ...attributes, 'dra.cpu/numCPUs': { int: device.cpus.size } },
    capacity: { [CPU_CAPACITY]: { value: String(device.cpus.size) } },
    allowMultipleAllocations: true,
  };
}
