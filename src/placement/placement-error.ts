import { CodedError } from '../lib/coded-error.ts';

/**
 * Why no CPUs were chosen: too few are free; enough are free but not in the shape the policy demands; the request itself
 * makes no sense.
 */
export type PlacementErrorCode = 'NotEnoughCPUs' | 'Unsatisfiable' | 'InvalidCase';

/** A request that cannot be placed. The message says what was wanted, what there is, and what to change. */
export class PlacementError extends CodedError<PlacementErrorCode> {
  override readonly name = 'PlacementError';
}
