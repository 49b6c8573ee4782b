import type { AllocatedDevice, Claim } from '../claims/claim.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { CpuListError, parseCpuList } from '../cpuset/parse.ts';

type Json = Readonly<Record<string, unknown>>;

function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function parseList(text: unknown): CpuSet | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    return parseCpuList(text);
  } catch (error) {
    if (error instanceof CpuListError) return undefined;
    throw error;
  }
}

/**
 * The CPUs that the claim's status tells of its present allocation (resource.k8s.io/v1, status.devices, as claim-status.ts writes
 * it). After a reboot the spec files are gone, the API server still knows.
 * @returns undefined when the status does not tell them for every device.
 */
export function readEarlierCpus(object: unknown, claim: Claim, driverName: string): CpuSet | undefined {
  const { devices } = asObject(asObject(object)['status']);
  const entries = (Array.isArray(devices) ? devices : []).map(asObject).filter(({ driver }) => driver === driverName);
  const isOf = (entry: Json, { pool, device, shareId }: AllocatedDevice) =>
    entry['pool'] === pool && entry['device'] === device && entry['shareID'] === shareId;
  const sets = claim.devices
    .filter(({ adminAccess }) => !adminAccess)
    .map((device) => parseList(asObject(entries.find((entry) => isOf(entry, device))?.['data'])['cpuset']));
  return sets.every((cpus) => cpus !== undefined) ? CpuSet.unionOf(sets) : undefined;
}
