import { readMillis } from '../resource-api/quantity.ts';
import type { CpuSet } from '../cpuset/cpu-set.ts';
import { asObject } from '../lib/json.ts';
import type { Finding } from './finding.ts';
import { countOf } from '../lib/count.ts';

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
 * allocatable and claims against the driver's devices: where these numbers differ, one of them promises CPUs that the other has given.
 * A difference of less than a CPU is none, because the kubelet may set aside fractions.
 * @param reserved CPUs of this machine that the driver sets aside.
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
    : `reservedCPUs sets ${countOf(reserved.size, 'CPU')} aside (${reserved})`;
  return {
    check: 'reserved-cpus',
    severity: 'warning',
    message:
      `The driver and the kubelet set different numbers of CPUs aside: ${ours}, the Node's capacity less allocatable is ` +
      `${formatCpus(setAside)} (${formatCpus(cpus.capacity)} - ${formatCpus(cpus.allocatable)}); ` +
      "set reservedCPUs to as many CPUs as the kubelet's kubeReserved and systemReserved together, or to its reservedSystemCPUs",
  };
}
