import { describeClaim } from '../claims/claim.ts';
import type { PreparedClaim } from '../claims/prepared-claim.ts';
import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { DecidedContainer } from '../containers/container.ts';
import type { DriftReport } from '../containers/drift.ts';
import { nameCpus, verbFor } from '../lib/count.ts';

/** How one device is, as the kubelet is told (k8s.io/kubelet dra-health v1). */
export interface DeviceHealth {
  readonly poolName: string;
  readonly deviceName: string;
  readonly health: 'Healthy' | 'Unhealthy' | 'Unknown';
  /** Why, for people; empty when there is nothing to say. */
  readonly message: string;
}

/** What health is judged by. */
export interface HealthFacts {
  readonly pool: string;
  /** Names of the published devices. */
  readonly deviceNames: readonly string[];
  readonly claims: readonly PreparedClaim[];
  readonly containers: readonly Pick<DecidedContainer, 'facts' | 'claimUids'>[];
  readonly online: CpuSet;
  /** The last look at the containers' real cpusets; undefined before the first. */
  readonly drift: DriftReport | undefined;
  /** Why containers are not being pinned; undefined when they are. */
  readonly notPinning: string | undefined;
}

/** What is said of a claim whose CPUs another container uses and cannot be moved off. */
export function describeIntruder(
  { cpus }: PreparedClaim,
  { container, effective }: { readonly container: string; readonly effective: CpuSet },
): string {
  return `container ${container} runs on its CPUs ${effective.intersection(cpus)} and cannot be moved off them`;
}

/** What is wrong, by device name. */
function collectFaults({ claims, containers, online, drift }: HealthFacts): Map<string, string[]> {
  const faults = new Map<string, string[]>();
  const blame = (claim: PreparedClaim, fault: string, cpus?: CpuSet) => {
    for (const assignment of claim.assignments) {
      if (cpus && !assignment.cpus.intersects(cpus)) continue;
      faults.set(assignment.device, [...(faults.get(assignment.device) ?? []), fault]);
    }
  };
  for (const claim of claims) {
    const offline = claim.cpus.difference(online);
    if (!offline.isEmpty)
      blame(
        claim,
        `${nameCpus(offline)} of claim ${describeClaim(claim)} ${verbFor(offline.size, 'is', 'are')} offline`,
        offline,
      );
  }
  const uidsById = new Map(containers.map(({ facts, claimUids }) => [facts.id, claimUids]));
  for (const { id, container, state, effective, verdict, isStuck } of drift?.drifted ?? []) {
    const uids = uidsById.get(id) ?? [];
    for (const claim of claims) {
      if (uids.includes(claim.uid)) blame(claim, `container ${container} ${state}`);
      else if (isStuck && verdict === 'wide' && effective.intersects(claim.cpus)) {
        blame(claim, describeIntruder(claim, { container, effective }), effective);
      }
    }
  }
  return faults;
}

/**
 * How each device is: unhealthy when a claim on it has offline CPUs or a container of such a claim runs elsewhere; unknown
 * while the container runtime is not connected. Devices that only claims still know, because their CPU is gone, are told too.
 */
export function judgeHealth(facts: HealthFacts): DeviceHealth[] {
  const faults = collectFaults(facts);
  const claimed = facts.claims.flatMap(({ assignments }) => assignments.map(({ device }) => device));
  return [...new Set([...facts.deviceNames, ...claimed])].map((deviceName) => {
    const found = faults.get(deviceName);
    const identity = { poolName: facts.pool, deviceName };
    if (found) return { ...identity, health: 'Unhealthy', message: found.join('; ') };
    if (facts.notPinning !== undefined) return { ...identity, health: 'Unknown', message: facts.notPinning };
    return { ...identity, health: 'Healthy', message: '' };
  });
}
