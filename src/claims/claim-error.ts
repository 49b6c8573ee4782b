import { CodedError } from '../lib/coded-error.ts';

/** Why a claim cannot be prepared or a container not be admitted. */
export const claimErrorCodes = [
  'ClaimNotFound',
  'ClaimReplaced',
  'NotAllocated',
  'MalformedClaim',
  'MissingCapacity',
  'InvalidCapacity',
  'UnknownDevice',
  'InvalidConfig',
  'NotEnoughCPUs',
  'Unsatisfiable',
  'SharedPoolEmpty',
  'Conflict',
  'MalformedEnv',
  'UnknownClaim',
  'ClaimMismatch',
  'ClaimInUse',
  'NotConfirmed',
  'NotReserved',
  'NotPinning',
  'NotRecorded',
  'DriverLeft',
  'ApiUnavailable',
] as const;

/** One of `claimErrorCodes`. */
export type ClaimErrorCode = (typeof claimErrorCodes)[number];

/**
 * An expected failure of one claim or container. The message is complete: it reaches the user as a pod event, so it names the
 * action, the object, the value and what to do.
 */
export class ClaimError extends CodedError<ClaimErrorCode> {
  override readonly name = 'ClaimError';
}
