import type { AllocationResult, DeviceRequestAllocationResult, NodeSelector } from '../objects.ts';
import type { AllocationProblem, ClaimToAllocate } from './allocation-problem.ts';
import { consumptionText } from './consumed-capacity.ts';
import type { DevicePick } from './device-search.ts';

type Configuration = NonNullable<AllocationResult['devices']['config']>;

function resultOf(pick: DevicePick, newShareId: () => string): DeviceRequestAllocationResult {
  const { request, pooled, consumption, details } = pick;
  return {
    request,
    driver: pooled.driver,
    pool: pooled.pool,
    device: pooled.device.name,
    ...(details.adminAccess === true ? { adminAccess: true } : {}),
    ...(consumption ? { shareID: newShareId(), consumedCapacity: consumptionText(consumption) } : {}),
  };
}

/** Configuration of the classes, then of the claim, as far as it concerns requests that got devices. */
function configurationOf(
  claim: ClaimToAllocate,
  picks: readonly DevicePick[],
  problem: AllocationProblem,
): Configuration {
  const details = new Map(picks.map((pick) => [pick.request, pick.details]));
  const configuration: Configuration = [];
  for (const [request, { deviceClassName }] of details) {
    for (const { opaque } of problem.classes.get(deviceClassName)?.spec.config ?? []) {
      configuration.push({ source: 'FromClass', requests: [request], ...(opaque ? { opaque } : {}) });
    }
  }
  const chosen = new Set([...details.keys()].flatMap((request) => [request, request.split('/', 1)[0] ?? '']));
  for (const { requests = [], opaque } of claim.spec.devices?.config ?? []) {
    if (requests.length > 0 && !requests.some((request) => chosen.has(request))) continue;
    const which = requests.length === 0 ? {} : { requests };
    configuration.push({ source: 'FromClaim', ...which, ...(opaque ? { opaque } : {}) });
  }
  return configuration;
}

/** Where the devices can be used; undefined: on every node. */
function nodeSelectorOf(picks: readonly DevicePick[]): NodeSelector | undefined {
  const local = picks.find((pick) => pick.pooled.nodeName !== undefined)?.pooled.nodeName;
  if (local !== undefined) {
    return { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [local] }] }] };
  }
  return picks.find((pick) => pick.pooled.nodeSelector)?.pooled.nodeSelector;
}

/** The allocation of a claim (resource.k8s.io/v1 AllocationResult). */
export function allocationResult(
  claim: ClaimToAllocate,
  picks: readonly DevicePick[],
  problem: AllocationProblem,
): AllocationResult {
  const config = configurationOf(claim, picks, problem);
  const nodeSelector = nodeSelectorOf(picks);
  return {
    devices: {
      results: picks.map((pick) => resultOf(pick, problem.newShareId)),
      ...(config.length === 0 ? {} : { config }),
    },
    ...(nodeSelector ? { nodeSelector } : {}),
  };
}
