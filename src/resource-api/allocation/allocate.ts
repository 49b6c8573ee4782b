import type { AllocationResult } from '../objects.ts';
import type { AllocationProblem } from './allocation-problem.ts';
import { allocationResult } from './allocation-result.ts';
import { AllocationRefusal } from './candidate-devices.ts';
import { DeviceSearch } from './device-search.ts';

/** One allocation per claim in the order of the problem, or why there is none. */
export type AllocationOutcome =
  | { readonly kind: 'allocated'; readonly allocations: readonly AllocationResult[] }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Chooses devices for all claims together, or for none: requests in their order, alternatives in theirs, devices in
 * the order of the pools, with backtracking (KEP-4381, KEP-4816, KEP-5075).
 */
export function allocateClaims(problem: AllocationProblem): AllocationOutcome {
  const search = new DeviceSearch(problem);
  try {
    if (!search.run()) return { kind: 'refused', reason: search.reason };
    const allocations = problem.claims.map((claim, index) => allocationResult(claim, search.picksOf(index), problem));
    return { kind: 'allocated', allocations };
  } catch (error) {
    if (error instanceof AllocationRefusal) return { kind: 'refused', reason: error.message };
    throw error;
  } finally {
    search.giveBack();
  }
}
