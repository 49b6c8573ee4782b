import { CpuSet } from '../cpuset/cpu-set.ts';
import type { Device, DeviceTable } from '../devices/device.ts';
import { PlacementError, takeCpus } from '../placement/take-cpus.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { type AllocatedDevice, type Claim, describeClaim } from './claim.ts';
import { ClaimError } from './claim-error.ts';
import type { Assignment, PreparedClaim } from './ledger.ts';
import { readCount } from './quantity.ts';

/** What a decision is made over. */
export interface ChoiceContext {
  readonly topology: CpuTopology;
  readonly devices: DeviceTable;
  /** CPUs no claim holds. */
  readonly free: CpuSet;
  /** Name of this node's pool, the node's name. */
  readonly pool: string;
}

/** How many CPUs of a grouped device the scheduler gave. */
function readConsumedCpus(result: AllocatedDevice, action: string): number {
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
      `${action}: the allocation of device ${result.device} consumes ${JSON.stringify(result.consumedCpus)} of "dra.cpu/cpu"; ` +
        'want a whole number of CPUs, 1 or more',
    );
  }
  return Number(reading.count);
}

function findDevice(result: AllocatedDevice, context: ChoiceContext, action: string): Device {
  if (result.pool !== context.pool) {
    throw new ClaimError(
      'UnknownDevice',
      `${action}: device ${result.device} is of pool ${JSON.stringify(result.pool)}; this node's pool is ${JSON.stringify(context.pool)}`,
    );
  }
  const device = context.devices.byName.get(result.device);
  if (!device) {
    throw new ClaimError(
      'UnknownDevice',
      `${action}: this node has no device ${JSON.stringify(result.device)}; the driver's mode may have changed since the ` +
        'claim was allocated, delete the pod so that it is allocated again',
    );
  }
  return device;
}

/** Takes CPUs of a grouped device by topology. */
function chooseFromGroup(result: AllocatedDevice, device: Device, context: ChoiceContext, action: string): CpuSet {
  if (device.kind === 'machine') {
    throw new ClaimError(
      'InvalidConfig',
      `${action}: device ${device.name} needs an explicit cpuset in the claim's opaque configuration (cpuConfig.cpuset)`,
    );
  }
  const cpus = readConsumedCpus(result, action);
  const free = context.free.intersection(device.cpus);
  try {
    return takeCpus(context.topology, { free, cpus, policy: 'packed' }).cpus;
  } catch (error) {
    if (!(error instanceof PlacementError)) throw error;
    throw new ClaimError(
      error.code === 'NotEnoughCPUs' ? 'NotEnoughCPUs' : 'Unsatisfiable',
      `${action}: ${cpus} CPUs are wanted of device ${device.name}, ${free.size} of its ${device.cpus.size} are free ` +
        `(${free.isEmpty ? 'none' : free.toString()}): ${error.message}`,
    );
  }
}

function chooseForDevice(result: AllocatedDevice, context: ChoiceContext, action: string): CpuSet {
  const device = findDevice(result, context, action);
  if (result.adminAccess) return CpuSet.empty;
  if (device.kind !== 'cpu') return chooseFromGroup(result, device, context, action);
  if (!device.cpus.isSubsetOf(context.free)) {
    throw new ClaimError('Conflict', `${action}: CPU ${device.cpus} (device ${device.name}) is not free`);
  }
  return device.cpus;
}

/**
 * Decides which CPUs a claim gets. Pure: nothing is reserved.
 * @throws ClaimError whose message names the claim, the device and the value that is wrong.
 */
export function chooseCpus(claim: Claim, context: ChoiceContext): PreparedClaim {
  const action = `Cannot prepare claim ${describeClaim(claim)}`;
  let { free } = context;
  const assignments = claim.devices.map((result): Assignment => {
    const cpus = chooseForDevice(result, { ...context, free }, action);
    free = free.difference(cpus);
    return { request: result.request, pool: result.pool, device: result.device, shareId: result.shareId, cpus };
  });
  const { uid, namespace, name } = claim;
  return { uid, namespace, name, assignments, cpus: CpuSet.unionOf(assignments.map(({ cpus }) => cpus)) };
}
