import type { DescribedRequest, DeviceMetadata, MetadataAttribute } from '../records/device-metadata.ts';
import type { Assignment, PreparedClaim } from '../claims/prepared-claim.ts';
import type { Cpu } from '../topology/topology.ts';
import { toSliceDevice } from '../devices/slice-device.ts';
import type { Machine } from '../devices/machine.ts';

/** The CPUs one by one, as lists of equal length in ascending order of CPU; a list the kernel does not fill is left out. */
function describeCpus(cpus: readonly Cpu[]): Record<string, MetadataAttribute> {
  const ints = (name: string, read: (cpu: Cpu) => number | undefined): Record<string, MetadataAttribute> => {
    const values = cpus.map(read);
    return values.every((value) => value !== undefined) ? { [name]: { ints: values } } : {};
  };
  return {
    ...ints('dra.cpu/cpuIDs', ({ cpu }) => cpu),
    ...ints('dra.cpu/coreIDs', ({ core }) => core),
    ...ints('dra.cpu/socketIDs', ({ socketId }) => socketId),
    ...ints('dra.cpu/numaNodeIDs', ({ numaNode }) => numaNode),
    ...ints('dra.cpu/cacheL3IDs', ({ l3Cache }) => l3Cache),
    'dra.cpu/siblings': { strings: cpus.map(({ siblings }) => siblings.toString()) },
    'dra.cpu/coreTypes': { strings: cpus.map(({ coreType }) => coreType) },
  };
}

function describeAssignment(
  { pool, device: name, cpus }: Assignment,
  { memoryNodes, sharesPool }: PreparedClaim,
  { devices, topology }: Machine,
): DeviceMetadata {
  const device = devices.byName.get(name);
  const attributes = device ? toSliceDevice(device, topology, { exposePcieRoots: true }).attributes : {};
  const own = topology.cpus.filter(({ cpu }) => cpus.has(cpu));
  return {
    pool,
    device: name,
    attributes: {
      ...attributes,
      // The reference's name for how many CPUs of a group the claim got.
      'dra.cpu/allocatedNumCPUs': { int: cpus.size },
      ...(cpus.isEmpty ? {} : { 'dra.cpu/cpuset': { string: cpus.toString() }, ...describeCpus(own) }),
      ...(memoryNodes && { 'dra.cpu/memoryNodeIDs': { ints: memoryNodes.toArray() } }),
      ...(sharesPool && { 'dra.cpu/sharedCPUs': { bool: true } }),
    },
  };
}

/** What the containers of a claim are told of its devices, by request: the devices' attributes and their CPUs. */
export function describeDevices(claim: PreparedClaim, machine: Machine): DescribedRequest[] {
  const { assignments } = claim;
  const requests = [...new Set(assignments.map(({ request }) => request))];
  return requests.map((request) => ({
    request,
    devices: assignments.filter((one) => one.request === request).map((one) => describeAssignment(one, claim, machine)),
  }));
}
