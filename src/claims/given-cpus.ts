import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { Device, DeviceTable } from '../devices/device.ts';
import { checkCpus } from '../placement/check-cpus.ts';
import type { Placement } from '../placement/take-cpus.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { ClaimError, type ClaimErrorCode } from './claim-error.ts';

/** A list of CPUs that a claim names, and all it must agree with. */
export interface GivenCpusContext {
  readonly topology: CpuTopology;
  readonly devices: DeviceTable;
  readonly device: Device;
  /** How many CPUs the scheduler counts for it. */
  readonly consumed: number;
  /** CPUs that other devices of the claim got. */
  readonly ofClaim: CpuSet;
  /** CPUs no claim holds, those of this claim not counted. */
  readonly free: CpuSet;
  readonly describeHolders: (cpus: CpuSet) => string;
  readonly action: string;
}

/** One rule: the CPUs that break it, and what to say of them. */
interface Rule {
  readonly broken: CpuSet;
  readonly code: ClaimErrorCode;
  readonly say: string;
}

function findBrokenRule(cpus: CpuSet, context: GivenCpusContext): Rule | undefined {
  const { topology, devices, device, ofClaim, free, describeHolders } = context;
  const rule = (broken: CpuSet, code: ClaimErrorCode, say: string): Rule => ({ broken, code, say });
  const taken = cpus.difference(free);
  const rules = [
    rule(cpus.intersection(topology.offline), 'InvalidConfig', 'are offline; bring them online or name others'),
    rule(
      cpus.difference(topology.online).difference(topology.offline),
      'InvalidConfig',
      `do not exist on this node, which has ${topology.online}`,
    ),
    rule(
      cpus.intersection(devices.outside),
      'InvalidConfig',
      'are outside the cgroup that all pods are in, so that no container can have them',
    ),
    rule(cpus.intersection(devices.reserved), 'InvalidConfig', 'are reserved for the system (reservedCPUs)'),
    rule(
      cpus.intersection(devices.sharedOnly),
      'InvalidConfig',
      'are kept for containers without a claim (sharedPoolMinCPUs, or rests of cores)',
    ),
    rule(cpus.difference(device.cpus), 'InvalidConfig', `are not of device ${device.name}, which has ${device.cpus}`),
    rule(cpus.intersection(ofClaim), 'InvalidConfig', 'are configured for another request of this claim too'),
    rule(
      taken,
      'Conflict',
      `belong to ${describeHolders(taken)}; name CPUs that are free, or delete the pod that has them`,
    ),
  ];
  return rules.find(({ broken }) => !broken.isEmpty);
}

/**
 * Checks the CPUs a claim names against every rule, each with its own error.
 * @throws ClaimError `InvalidConfig`, or `Conflict` naming the holder for CPUs of another claim.
 */
export function checkGivenCpus(cpus: CpuSet, context: GivenCpusContext): Placement {
  const { topology, device, consumed, ofClaim, free, action } = context;
  const broken = findBrokenRule(cpus, context);
  if (broken) {
    throw new ClaimError(
      broken.code,
      `${action}: CPUs ${broken.broken} of the configured cpuset "${cpus}" ${broken.say}`,
    );
  }
  if (cpus.size !== consumed) {
    throw new ClaimError(
      'InvalidConfig',
      `${action}: the configured cpuset "${cpus}" has ${cpus.size} CPUs, and ${consumed} are allocated of device ${device.name}; ` +
        'they must be as many',
    );
  }
  return checkCpus(topology, { free: free.difference(ofClaim), cpus });
}
