import { CpuSet } from '../cpuset/cpu-set.ts';
import type { Device } from '../devices/device.ts';
import { type Placement, type PlacementPolicy, type PlacementRequest, takeCpus } from '../placement/take-cpus.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { ClaimError } from './claim-error.ts';
import type { CpuParameters } from './opaque-parameters.ts';
import { quote } from '../lib/quote.ts';
import { countOf, nameCpus, verbFor } from '../lib/count.ts';

/** How many CPUs of which device are wanted, and how. */
export interface PlaceRequest {
  readonly topology: CpuTopology;
  readonly device: Device;
  /** CPUs of the device that no claim holds. */
  readonly free: CpuSet;
  /** CPUs that other claims hold, of any device. */
  readonly others: CpuSet;
  readonly cpus: number;
  readonly parameters: CpuParameters;
  readonly action: string;
}

/** The CPUs local to the PCIe roots that the parameters name. */
function findNear({ topology, parameters, action }: PlaceRequest): CpuSet | undefined {
  const names = parameters.nearPCIeRoots;
  if (!names) return undefined;
  const sets = names.map((name) => {
    const root = topology.pcieRoots.find(({ pcieRoot }) => pcieRoot === name);
    if (root) return root.cpus;
    const known = topology.pcieRoots.map(({ pcieRoot }) => pcieRoot).join(', ') || 'none';
    throw new ClaimError(
      'InvalidConfig',
      `${action}: cpuConfig.nearPCIeRoots has ${quote(name)}; the PCIe roots known of this node are ${known}`,
    );
  });
  return CpuSet.unionOf(sets);
}

/** The free CPUs whose whole core is free. */
function findWholeCores({ topology, free }: PlaceRequest): CpuSet {
  return CpuSet.unionOf(topology.cores.filter(({ cpus }) => cpus.isSubsetOf(free)).map(({ cpus }) => cpus));
}

/** The threads of a core, by which whole cores can be shared out; cores that differ cannot. */
function findThreadsPerCore({ topology, device, action }: PlaceRequest): number {
  const sizes = new Set(topology.cores.filter(({ cpus }) => cpus.intersects(device.cpus)).map(({ cpus }) => cpus.size));
  const [size, other] = sizes;
  if (size !== undefined && other === undefined) return size;
  throw new ClaimError(
    'InvalidConfig',
    `${action}: whole cores of device ${device.name} cannot be distributed evenly, because they have different numbers of ` +
      'threads; name a coreType instead of fullPhysicalCores, or another placement',
  );
}

/** In which groups CPUs are distributed: whole cores where those are wanted. */
function readGroup(request: PlaceRequest): number {
  const { parameters, action } = request;
  const { groupSize, fullPhysicalCores } = parameters;
  if (!fullPhysicalCores) return groupSize ?? 1;
  const threads = findThreadsPerCore(request);
  if (groupSize === undefined || groupSize % threads === 0) return groupSize ?? threads;
  throw new ClaimError(
    'InvalidConfig',
    `${action}: cpuConfig.groupSize is ${groupSize} and fullPhysicalCores true; want a multiple of the ${threads} threads of a core`,
  );
}

function toPlacementRequest(request: PlaceRequest, policy: PlacementPolicy): PlacementRequest {
  const { free, others, cpus, parameters } = request;
  const { fullPhysicalCores, coreType, isolated, numaNodes, singleSocket, avoidSharing } = parameters;
  const near = findNear(request);
  const wholeCores = fullPhysicalCores === true && policy !== 'full-cores';
  return {
    free: wholeCores ? findWholeCores(request) : free,
    cpus,
    policy,
    ...(policy === 'distributed' && { group: readGroup(request) }),
    ...(numaNodes !== undefined && { nodes: numaNodes }),
    ...(coreType && { coreType }),
    ...(isolated && { isolated }),
    ...(near && { near }),
    ...(singleSocket && { singleSocket }),
    ...(avoidSharing && { avoidSharing: { domain: avoidSharing, others } }),
  };
}

/** Nobody else may get a thread of the chosen cores. */
function checkWholeCores({ topology, action, cpus }: PlaceRequest, placement: Placement): void {
  const cut = topology.cores.filter(
    (core) => core.cpus.intersects(placement.cpus) && !core.cpus.isSubsetOf(placement.cpus),
  );
  if (cut.length === 0) return;
  throw new ClaimError(
    'Unsatisfiable',
    `${action}: ${countOf(cpus, 'CPU')} ${verbFor(cpus, 'does', 'do')} not add up to whole cores (fullPhysicalCores): ${nameCpus(placement.cpus)} would leave ` +
      `${CpuSet.unionOf(cut.map((core) => core.cpus)).difference(placement.cpus)} of their cores; ask for a multiple of the threads of a core`,
  );
}

/** A policy over several NUMA nodes asks for a device that has several. */
function checkReach({ device, action }: PlaceRequest, policy: PlacementPolicy): void {
  if (policy !== 'distributed' || (device.kind !== 'numanode' && device.kind !== 'l3cache')) return;
  throw new ClaimError(
    'InvalidConfig',
    `${action}: cpuConfig.placement is "distributed" and device ${device.name} lies in one NUMA node; want groupBy "socket" or ` +
      '"machine" on the node, or a request for each NUMA node in the claim',
  );
}

/**
 * Chooses CPUs of a device by the parameters.
 * @throws ClaimError `InvalidConfig` for parameters that this device cannot follow; PlacementError for CPUs that are not there.
 */
export function placeCpus(request: PlaceRequest): Placement & { readonly policy: PlacementPolicy } {
  const { topology, parameters } = request;
  const placement = parameters.placement ?? 'packed';
  const policy = placement === 'packed' && parameters.fullPhysicalCores ? 'full-cores' : placement;
  checkReach(request, policy);
  const choice = takeCpus(topology, toPlacementRequest(request, policy));
  if (parameters.fullPhysicalCores) checkWholeCores(request, choice);
  return { ...choice, policy };
}
