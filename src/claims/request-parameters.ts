import type { AllocatedDevice, Claim, OpaqueConfig } from './claim.ts';
import { ClaimError } from './claim-error.ts';
import {
  type CpuParameters,
  OpaqueParametersError,
  checkParameters,
  dropChoosing,
  parseOpaqueParameters,
} from './opaque-parameters.ts';
import { quote } from '../lib/quote.ts';

/** What is asked of the CPUs of one allocated device. */
export interface RequestParameters {
  readonly parameters: CpuParameters;
  /** What the claim itself says of them, without the defaults of its DeviceClass. */
  readonly ofClaim: CpuParameters;
}

/** The request a result belongs to: the part before the slash of a sub-request (resource.k8s.io/v1, firstAvailable). */
function mainRequest(request: string): string {
  return request.split('/', 1)[0] ?? request;
}

/** Whether a configuration is meant for a result: no names mean every request, a request's name all its sub-requests. */
function appliesTo({ requests }: OpaqueConfig, { request }: AllocatedDevice): boolean {
  return requests.length === 0 || requests.includes(request) || requests.includes(mainRequest(request));
}

/** The one configuration of a source that is meant for a result. */
function findConfig(
  claim: Claim,
  result: AllocatedDevice,
  source: OpaqueConfig['source'],
  action: string,
): OpaqueConfig | undefined {
  const configs = claim.configs.filter((config) => config.source === source && appliesTo(config, result));
  if (configs.length < 2) return configs[0];
  const place = source === 'FromClaim' ? 'the claim' : 'its DeviceClass';
  throw new ClaimError(
    'InvalidConfig',
    `${action}: request ${quote(result.request)} is the target of ${configs.length} configurations of ${place}; ` +
      'give it one',
  );
}

function readConfig(config: OpaqueConfig, result: AllocatedDevice, action: string): CpuParameters {
  const place = config.source === 'FromClaim' ? 'claim' : 'DeviceClass';
  try {
    return parseOpaqueParameters(config.parameters);
  } catch (error) {
    if (!(error instanceof OpaqueParametersError)) throw error;
    throw new ClaimError(
      'InvalidConfig',
      `${action}: the ${place}'s opaque parameters for request ${quote(result.request)}: ${error.message}`,
    );
  }
}

/** A list of CPUs is for one device: one request, of one result. */
function checkTarget(claim: Claim, config: OpaqueConfig, result: AllocatedDevice, action: string): void {
  const { requests } = config;
  const targets = claim.devices.filter((device) => !device.adminAccess && appliesTo(config, device));
  const names = [...new Set(requests.length > 0 ? requests : targets.map(({ request }) => request))];
  if (names.length > 1) {
    throw new ClaimError(
      'InvalidConfig',
      `${action}: one cpuset is configured for ${names.length} requests (${names.join(', ')}); want a configuration for each`,
    );
  }
  if (targets.length > 1) {
    throw new ClaimError(
      'InvalidConfig',
      `${action}: one cpuset is configured for the ${targets.length} devices of request ${quote(result.request)}; ` +
        'want one device a request, with all of its CPUs',
    );
  }
}

/** The DeviceClass's parameters as defaults of the claim's; those that go with another choice than the claim's fall away. */
function mergeParameters(ofClass: CpuParameters, ofClaim: CpuParameters): CpuParameters {
  const { groupSize: _, numaNodes: __, ...rest } = ofClass;
  if (ofClaim.cpuset) {
    const fullPhysicalCores = ofClass.fullPhysicalCores ?? ofClass.placement === 'full-cores';
    return { ...dropChoosing(ofClass), fullPhysicalCores, ...ofClaim };
  }
  const isSamePlacement = ofClaim.placement === undefined || ofClaim.placement === ofClass.placement;
  return { ...(isSamePlacement ? ofClass : rest), ...ofClaim };
}

/**
 * What the opaque configurations of an allocation say for one result of it.
 * @throws ClaimError `InvalidConfig`, a text for each rule that is broken.
 */
export function readRequestParameters(claim: Claim, result: AllocatedDevice, action: string): RequestParameters {
  const classConfig = findConfig(claim, result, 'FromClass', action);
  const claimConfig = findConfig(claim, result, 'FromClaim', action);
  const ofClass = classConfig ? readConfig(classConfig, result, action) : {};
  if (ofClass.cpuset) {
    throw new ClaimError(
      'InvalidConfig',
      `${action}: the DeviceClass of request ${quote(result.request)} configures cpuset ` +
        `${quote(ofClass.cpuset.toString())}; every claim of the class would get the same CPUs, so that only a claim may name them`,
    );
  }
  const ofClaim = claimConfig ? readConfig(claimConfig, result, action) : {};
  if (claimConfig && ofClaim.cpuset) checkTarget(claim, claimConfig, result, action);
  const parameters = mergeParameters(ofClass, ofClaim);
  try {
    checkParameters(parameters);
  } catch (error) {
    if (!(error instanceof OpaqueParametersError)) throw error;
    throw new ClaimError(
      'InvalidConfig',
      `${action}: the opaque parameters of claim and DeviceClass together, for request ${quote(result.request)}: ${error.message}`,
    );
  }
  return { parameters, ofClaim };
}
