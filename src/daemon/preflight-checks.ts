import { readMillis } from '../resource-api/quantity.ts';
import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { DeviceTaint } from '../devices/slice-device.ts';
import { asObject } from '../lib/json.ts';

/** A setting of the node that contradicts the driver's. */
export interface Finding {
  readonly check: 'kubelet-cpu-manager' | 'reserved-cpus';
  /** With an error containers may not keep the CPUs they are given; with a warning only the accounting is off. */
  readonly severity: 'error' | 'warning';
  /** What was found, both values, and what to do. */
  readonly message: string;
}

/** The policy in a CPU manager's state, undefined when the text is no such state. */
function readPolicyName(text: string): string | undefined {
  try {
    const { policyName } = asObject(JSON.parse(text));
    return typeof policyName === 'string' ? policyName : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Whether the kubelet gives out exclusive CPUs itself. Its static policy writes every container's cpuset again each ten
 * seconds, over what the driver set (pkg/kubelet/cm/cpumanager, reconcileState, Kubernetes 1.34).
 * @param path where the state was found, for the message.
 * @param text `<kubelet root>/cpu_manager_state`: JSON with `policyName`, "none" or "static".
 */
export function checkCpuManagerState(path: string, text: string): Finding | undefined {
  const policy = readPolicyName(text);
  if (policy === 'none') return undefined;
  const remedy =
    'set cpuManagerPolicy: "none" in the kubelet\'s configuration, delete the state file and restart the kubelet';
  if (policy === undefined) {
    const message = `Cannot tell the kubelet's CPU manager policy: ${JSON.stringify(path)} names none; want "policyName":"none"`;
    return { check: 'kubelet-cpu-manager', severity: 'warning', message };
  }
  return {
    check: 'kubelet-cpu-manager',
    severity: 'error',
    message: `The kubelet's own CPU manager moves containers too: its policy is ${JSON.stringify(policy)} (${path}), want "none"; ${remedy}`,
  };
}

/** A Node's CPUs in thousandths: all, and those that pods may ask for. */
function readNodeCpus(node: unknown): { capacity: bigint; allocatable: bigint } | undefined {
  const status = asObject(asObject(node).status);
  const read = (list: unknown) => {
    const { cpu } = asObject(list);
    return typeof cpu === 'string' ? readMillis(cpu) : undefined;
  };
  const [capacity, allocatable] = [read(status.capacity), read(status.allocatable)];
  return capacity === undefined || allocatable === undefined ? undefined : { capacity, allocatable };
}

const MILLIS_PER_CPU = 1_000n;

function formatCpus(millis: bigint): string {
  return millis % MILLIS_PER_CPU === 0n ? `${millis / MILLIS_PER_CPU}` : `${millis}m`;
}

/**
 * Whether the kubelet sets aside as many CPUs as the driver. The scheduler counts pods' cpu requests against the Node's
 * allocatable and claims against the driver's devices: with unlike numbers one of them promises CPUs that the other has given.
 * A difference of less than a CPU is none, because the kubelet may set aside fractions.
 * @param node the Node object (v1); one without CPUs in its status has nothing to be compared.
 */
export function checkReservedCpus(reserved: CpuSet, node: unknown): Finding | undefined {
  const cpus = readNodeCpus(node);
  if (!cpus) return undefined;
  const setAside = cpus.capacity - cpus.allocatable;
  const difference = setAside - BigInt(reserved.size) * MILLIS_PER_CPU;
  if (difference > -MILLIS_PER_CPU && difference < MILLIS_PER_CPU) return undefined;
  const ours = reserved.isEmpty
    ? 'reservedCPUs sets no CPU aside'
    : `reservedCPUs sets ${reserved.size} CPUs aside (${reserved})`;
  return {
    check: 'reserved-cpus',
    severity: 'warning',
    message:
      `The driver and the kubelet set unlike numbers of CPUs aside: ${ours}, the Node's capacity less allocatable is ` +
      `${formatCpus(setAside)} (${formatCpus(cpus.capacity)} - ${formatCpus(cpus.allocatable)}); ` +
      "let reservedCPUs be as many as the kubelet's kubeReserved and systemReserved together, or as its reservedSystemCPUs",
  };
}

/**
 * Taints for what makes devices not what they promise: with an error among the findings a container would look pinned and not
 * be, so that nothing is to be allocated to claims that do not tolerate it.
 */
export function taintFor(findings: readonly Finding[]): DeviceTaint[] {
  const errors = findings.filter(({ severity }) => severity === 'error');
  return errors.map(({ check }) => ({ key: 'dra.cpu/conflict', value: check, effect: 'NoSchedule' }));
}
