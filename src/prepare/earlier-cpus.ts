import type { ReadMetadata } from '../records/device-metadata.ts';
import type { AllocatedDevice, Claim } from '../claims/claim.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { tryParseCpuList } from '../cpuset/parse.ts';
import { asList, asObject, type JsonObject } from '../lib/json.ts';

/**
 * The CPUs that the claim's status tells of its present allocation (resource.k8s.io/v1, status.devices, as claim-status.ts writes
 * it). After a reboot the spec files are gone, the API server still knows.
 * @returns undefined when the status does not tell them for every device.
 */
export function readEarlierCpus(object: unknown, claim: Claim, driverName: string): CpuSet | undefined {
  const { devices } = asObject(asObject(object)['status']);
  const entries = asList(devices)
    .map(asObject)
    .filter(({ driver }) => driver === driverName);
  const isOf = (entry: JsonObject, { pool, device, shareId }: AllocatedDevice) =>
    entry['pool'] === pool && entry['device'] === device && entry['shareID'] === shareId;
  const sets = claim.devices
    .filter(({ adminAccess }) => !adminAccess)
    .map((device) => tryParseCpuList(asObject(entries.find((entry) => isOf(entry, device))?.['data'])['cpuset']));
  return sets.every((cpus) => cpus !== undefined) ? CpuSet.unionOf(sets) : undefined;
}

/**
 * What the files that containers are told their devices by (describe-devices.ts) have of CPUs, by the claim's UID. They outlive a
 * reboot, but not each of their claims does.
 */
export function readMetadataCpus(files: readonly ReadMetadata[]): Map<string, CpuSet> {
  const found = new Map<string, CpuSet>();
  for (const { uid, attributes } of files) {
    const sets = attributes.flatMap((one) => tryParseCpuList(asObject(one['dra.cpu/cpuset'])['string']) ?? []);
    const cpus = CpuSet.unionOf([found.get(uid) ?? CpuSet.empty, ...sets]);
    if (!cpus.isEmpty) found.set(uid, cpus);
  }
  return found;
}

/**
 * How long CPUs are left to claims that had them before, in milliseconds. The kubelet prepares the claims of all its pods anew as
 * soon as it is up; one that it does not is gone.
 */
const AWAITED_MS = 600_000;

/** Claims that had CPUs before the node was started anew, and are expected to be prepared again. */
export class AwaitedClaims {
  readonly #cpus: Map<string, CpuSet>;
  readonly #endMs: number;

  constructor(cpus: ReadonlyMap<string, CpuSet>, nowMs: number) {
    this.#cpus = new Map(cpus);
    this.#endMs = nowMs + AWAITED_MS;
  }

  /** The CPUs that a claim had. */
  cpusOf(uid: string): CpuSet | undefined {
    return this.#cpus.get(uid);
  }

  /** CPUs that other claims had; a new one had better take others. */
  awaitedBeside(uid: string, nowMs: number): CpuSet {
    if (nowMs > this.#endMs) this.#cpus.clear();
    return CpuSet.unionOf([...this.#cpus].filter(([other]) => other !== uid).map(([, cpus]) => cpus));
  }

  /** The claim is prepared, or will never be. */
  forget(uid: string): void {
    this.#cpus.delete(uid);
  }
}
