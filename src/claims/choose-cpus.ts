import { CpuSet } from '../cpuset/cpu-set.ts';
import type { Device, DeviceTable } from '../devices/device.ts';
import { explainPlacement } from '../placement/explain.ts';
import { PlacementError } from '../placement/take-cpus.ts';
import { findMemoryNodes } from '../topology/memory-nodes.ts';
import type { CpuTopology, NodeSet } from '../topology/topology.ts';
import { type AllocatedDevice, type Claim, describeClaim } from './claim.ts';
import { ClaimError } from './claim-error.ts';
import { checkGivenCpus } from './given-cpus.ts';
import type { Assignment, PreparedClaim } from './prepared-claim.ts';
import { type CpuParameters, findChoosingKey } from './opaque-parameters.ts';
import { placeCpus } from './place-cpus.ts';
import { readCount } from '../resource-api/quantity.ts';
import { type RequestParameters, readRequestParameters } from './request-parameters.ts';
import { quote } from '../lib/quote.ts';
import { countOf, nameCpus, verbFor } from '../lib/count.ts';

/** What a decision is made over. */
export interface ChoiceContext {
  readonly topology: CpuTopology;
  readonly devices: DeviceTable;
  /** CPUs no claim holds. */
  readonly free: CpuSet;
  /** Which claims hold CPUs, in words. */
  readonly describeHolders: (cpus: CpuSet) => string;
  /** Name of this node's pool, the node's name. */
  readonly pool: string;
}

/** One device of the claim, and how far the decision has come. */
interface DeviceContext extends ChoiceContext {
  readonly claim: Claim;
  readonly result: AllocatedDevice;
  /** CPUs that devices before it got. */
  readonly ofClaim: CpuSet;
  readonly action: string;
}

/** CPUs of one device, by which policy and why. */
type Chosen = Pick<Assignment, 'cpus' | 'policy' | 'why'>;

/** How many CPUs of a grouped device the scheduler gave. */
function readConsumedCpus({ result, action }: DeviceContext): number {
  if (result.consumedCpus === undefined) {
    throw new ClaimError(
      'MissingCapacity',
      `${action}: the allocation of device ${result.device} has no consumedCapacity "dra.cpu/cpu"; the cluster needs the ` +
        'feature gate DRAConsumableCapacity, then allocate the claim again',
    );
  }
  const reading = readCount(result.consumedCpus);
  if (reading.kind !== 'whole' || reading.count <= 0n) {
    throw new ClaimError(
      'InvalidCapacity',
      `${action}: the allocation of device ${result.device} consumes ${quote(result.consumedCpus)} of "dra.cpu/cpu"; ` +
        'want a whole number of CPUs, 1 or more',
    );
  }
  return Number(reading.count);
}

function findDevice({ result, pool, devices, action }: DeviceContext): Device {
  if (result.pool !== pool) {
    throw new ClaimError(
      'UnknownDevice',
      `${action}: device ${result.device} is of pool ${quote(result.pool)}; this node's pool is ${quote(pool)}`,
    );
  }
  const device = devices.byName.get(result.device);
  if (!device) {
    throw new ClaimError(
      'UnknownDevice',
      `${action}: this node has no device ${quote(result.device)}; the driver's mode may have changed since the ` +
        'claim was allocated, delete the pod so that it is allocated again',
    );
  }
  return device;
}

/** What the node demands of every claim goes before what the claim says. */
function applyNodeRules(parameters: CpuParameters, { devices, action }: DeviceContext): CpuParameters {
  if (!devices.fullPhysicalCores) return parameters;
  const { placement, fullPhysicalCores } = parameters;
  if (fullPhysicalCores === false || placement === 'spread' || placement === 'one-thread-per-core') {
    throw new ClaimError(
      'InvalidConfig',
      `${action}: its opaque parameters ask for threads of cores ` +
        `(${fullPhysicalCores === false ? 'fullPhysicalCores false' : `placement ${quote(placement)}`}), and this node ` +
        'gives whole physical cores only (fullPhysicalCores of its configuration)',
    );
  }
  return { ...parameters, fullPhysicalCores: true };
}

/** Free CPUs of a device, for messages: "4 of its 8 are free (0-3)". */
function describeFree(device: Device, free: CpuSet): string {
  return `${free.size} of its ${device.cpus.size} ${verbFor(free.size, 'is', 'are')} free (${free.isEmpty ? 'none' : free.toString()})`;
}

/** Takes CPUs of a grouped device: those the claim names, or by topology. */
function chooseFromGroup(device: Device, own: CpuParameters, context: DeviceContext): Chosen {
  const { topology, devices, result, action } = context;
  const parameters = applyNodeRules(own, context);
  const consumed = readConsumedCpus(context);
  if (parameters.cpuset) {
    const placement = checkGivenCpus(parameters.cpuset, { ...context, device, consumed });
    if (parameters.fullPhysicalCores) checkFullCores(placement.cpus, context);
    return { cpus: placement.cpus, policy: 'cpuset', why: explainPlacement(placement) };
  }
  if (device.kind === 'machine' && devices.machinePlacement === 'explicit') {
    throw new ClaimError(
      'InvalidConfig',
      `${action}: device ${device.name} needs an explicit cpuset in the claim's opaque configuration (cpuConfig.cpuset) for ` +
        `request ${quote(result.request)}; the scheduler plugin that places CPUs writes it, or set machinePlacement to "auto"`,
    );
  }
  const free = context.free.intersection(device.cpus).difference(context.ofClaim);
  const others = devices.allocatable.difference(context.free);
  try {
    const placement = placeCpus({ topology, device, free, others, cpus: consumed, parameters, action });
    return { cpus: placement.cpus, policy: placement.policy, why: explainPlacement(placement) };
  } catch (error) {
    if (!(error instanceof PlacementError)) throw error;
    throw new ClaimError(
      error.code === 'NotEnoughCPUs' ? 'NotEnoughCPUs' : 'Unsatisfiable',
      `${action}: ${countOf(consumed, 'CPU')} ${verbFor(consumed, 'is', 'are')} wanted of device ${device.name}, ${describeFree(device, free)}: ${error.message}. Ask for ` +
        'fewer or with another placement, or delete a pod with a claim on this node',
    );
  }
}

/** Refuses CPUs that leave threads of their cores to others. */
function checkFullCores(cpus: CpuSet, { topology, action }: Pick<DeviceContext, 'topology' | 'action'>): void {
  const cores = topology.cores.filter((core) => core.cpus.intersects(cpus)).map((core) => core.cpus);
  const left = CpuSet.unionOf(cores).difference(cpus);
  if (left.isEmpty) return;
  throw new ClaimError(
    'Unsatisfiable',
    `${action}: ${nameCpus(cpus)} ${verbFor(cpus.size, 'leaves', 'leave')} ${left} of ${verbFor(cpus.size, 'its core', 'their cores')} to others, and whole physical cores are wanted (fullPhysicalCores)`,
  );
}

/** The CPU that the scheduler chose. */
function chooseCpuDevice(device: Device, own: CpuParameters, context: DeviceContext): Chosen {
  const { result, free, ofClaim, describeHolders, action } = context;
  const choosing = findChoosingKey(own);
  if (choosing) {
    throw new ClaimError(
      'InvalidConfig',
      `${action}: request ${quote(result.request)} has opaque parameters that choose CPUs (${choosing}), and device ` +
        `${device.name} is a single CPU, which the scheduler chose (cpuDeviceMode "individual"); remove them, or use selectors`,
    );
  }
  if (device.cpus.intersects(ofClaim)) {
    throw new ClaimError('Conflict', `${action}: device ${device.name} (CPU ${device.cpus}) is allocated to it twice`);
  }
  if (!device.cpus.isSubsetOf(free)) {
    const holders = describeHolders(device.cpus);
    throw new ClaimError(
      'Conflict',
      `${action}: CPU ${device.cpus} (device ${device.name}) belongs to ${holders}; delete the pod, so that the scheduler chooses again`,
    );
  }
  return { cpus: device.cpus, policy: 'device', why: [`The scheduler chose device ${device.name}.`] };
}

/** What was decided on one device. */
interface Decision {
  readonly chosen: Chosen;
  readonly parameters: CpuParameters;
}

function chooseForDevice(context: DeviceContext): Decision {
  const { claim, result, action } = context;
  const device = findDevice(context);
  if (result.adminAccess) {
    const why = ['Administrative access takes no CPUs.'];
    return { chosen: { cpus: CpuSet.empty, policy: 'adminAccess', why }, parameters: {} };
  }
  const { parameters, ofClaim }: RequestParameters = readRequestParameters(claim, result, action);
  const chosen =
    device.kind === 'cpu' ? chooseCpuDevice(device, ofClaim, context) : chooseFromGroup(device, parameters, context);
  return { chosen, parameters };
}

/** The NUMA nodes that memory is bound to; undefined on a machine whose memory is all in one place. */
function chooseMemoryNodes({ topology }: ChoiceContext, cpus: CpuSet, action: string): NodeSet | undefined {
  const nodes = findMemoryNodes(topology, cpus);
  if (!nodes.isEmpty) return nodes;
  if (topology.numaNodes.length < 2) return undefined;
  throw new ClaimError(
    'InvalidConfig',
    `${action}: cpuConfig.memoryNodes is "local", and this node's kernel tells of none of its ${topology.numaNodes.length} NUMA ` +
      'nodes whether it has memory (/sys/devices/system/node/has_memory); remove memoryNodes',
  );
}

/**
 * Decides which CPUs a claim gets. Pure: nothing is reserved.
 * @throws ClaimError whose message names the claim, the device and the value that is wrong.
 */
export function chooseCpus(claim: Claim, context: ChoiceContext): PreparedClaim {
  const action = `Cannot prepare claim ${describeClaim(claim)}`;
  let ofClaim = CpuSet.empty;
  let [isMemoryLocal, sharesPool] = [false, false];
  const assignments = claim.devices.map((result): Assignment => {
    const { chosen, parameters } = chooseForDevice({ ...context, claim, result, ofClaim, action });
    ofClaim = ofClaim.union(chosen.cpus);
    isMemoryLocal ||= parameters.memoryNodes === 'local';
    sharesPool ||= parameters.sharedCPUs === true;
    return { request: result.request, pool: result.pool, device: result.device, shareId: result.shareId, ...chosen };
  });
  const { mode, fullPhysicalCores } = context.devices;
  if (mode.kind === 'individual' && fullPhysicalCores) checkFullCores(ofClaim, { ...context, action });
  const { uid, namespace, name } = claim;
  const memoryNodes = isMemoryLocal ? chooseMemoryNodes(context, ofClaim, action) : undefined;
  return {
    uid,
    namespace,
    name,
    assignments,
    cpus: ofClaim,
    ...(memoryNodes && { memoryNodes }),
    ...(sharesPool && { sharesPool }),
  };
}
