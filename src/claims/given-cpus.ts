import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { Device, DeviceTable } from '../devices/device.ts';
import { countOf, nameCpus, verbFor } from '../lib/count.ts';
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
  const rule = (broken: CpuSet, code: ClaimErrorCode, [one, more]: readonly [string, string], rest: string): Rule => ({
    broken,
    code,
    say: `${verbFor(broken.size, one, more)} ${rest}`,
  });
  const ARE = ['is', 'are'] as const;
  const taken = cpus.difference(free);
  const rules = [
    rule(cpus.intersection(topology.offline), 'InvalidConfig', ARE, 'offline; name CPUs that are online'),
    rule(
      cpus.difference(topology.online).difference(topology.offline),
      'InvalidConfig',
      ['does', 'do'],
      `not exist on this node, which has ${topology.online}`,
    ),
    rule(
      cpus.intersection(devices.outside),
      'InvalidConfig',
      ARE,
      'outside the cgroup that all pods are in, where no container can be given CPUs',
    ),
    rule(cpus.intersection(devices.reserved), 'InvalidConfig', ARE, 'reserved for the system (reservedCPUs)'),
    rule(
      cpus.intersection(devices.sharedOnly),
      'InvalidConfig',
      ARE,
      'kept for containers without a claim (sharedPoolMinCPUs, or rests of cores)',
    ),
    rule(cpus.difference(device.cpus), 'InvalidConfig', ARE, `not of device ${device.name}, which has ${device.cpus}`),
    rule(cpus.intersection(ofClaim), 'InvalidConfig', ARE, 'configured for another request of this claim too'),
    rule(
      taken,
      'Conflict',
      ['belongs', 'belong'],
      `to ${describeHolders(taken)}; name CPUs that are free, or delete the pod that has ${verbFor(taken.size, 'it', 'them')}`,
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
      `${action}: ${nameCpus(broken.broken)} of the configured cpuset "${cpus}" ${broken.say}`,
    );
  }
  if (cpus.size !== consumed) {
    throw new ClaimError(
      'InvalidConfig',
      `${action}: the configured cpuset "${cpus}" has ${countOf(cpus.size, 'CPU')}, and ${consumed} ${verbFor(consumed, 'is', 'are')} allocated of device ` +
        `${device.name}; the counts must match`,
    );
  }
  return checkCpus(topology, { free: free.difference(ofClaim), cpus });
}
