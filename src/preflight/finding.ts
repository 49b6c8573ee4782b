import type { DeviceTaint } from '../devices/slice-device.ts';

/** A setting of the node that contradicts the driver's. */
export interface Finding {
  readonly check: 'kubelet-cpu-manager' | 'reserved-cpus' | 'pods-cgroup';
  /** With an error containers may not keep the CPUs they are given; with a warning the driver gives out fewer, or only the accounting is off. */
  readonly severity: 'error' | 'warning';
  /** What was found, both values, and what to do. */
  readonly message: string;
}

/**
 * Taints for what makes devices not what they promise: with an error among the findings a container would look pinned and not
 * be, so that nothing is to be allocated to claims that do not tolerate it.
 */
export function taintFor(findings: readonly Finding[]): DeviceTaint[] {
  const errors = findings.filter(({ severity }) => severity === 'error');
  return errors.map(({ check }) => ({ key: 'dra.cpu/conflict', value: check, effect: 'NoSchedule' }));
}
