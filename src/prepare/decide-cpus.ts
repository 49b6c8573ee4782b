import { type ChoiceContext, chooseCpus } from '../claims/choose-cpus.ts';
import type { Claim } from '../claims/claim.ts';
import { ClaimError } from '../claims/claim-error.ts';
import type { PreparedClaim } from '../claims/ledger.ts';
import type { CpuSet } from '../cpuset/cpu-set.ts';

/** Who had which CPUs before the node was started anew. */
export interface EarlierCpus {
  /** Those of the claim itself; undefined where nothing tells them. */
  readonly own: CpuSet | undefined;
  /** Those of claims that are still to be prepared again. */
  readonly others: CpuSet;
}

/** The choice out of these CPUs; undefined where there is none. */
function chooseFrom(claim: Claim, context: ChoiceContext, free: CpuSet): PreparedClaim | undefined {
  try {
    return chooseCpus(claim, { ...context, free });
  } catch (error) {
    if (error instanceof ClaimError) return undefined;
    throw error;
  }
}

/** The same CPUs as before, when they are free and still what the claim may get. */
function chooseAgain(claim: Claim, context: ChoiceContext, earlier: CpuSet | undefined): PreparedClaim | undefined {
  if (!earlier || earlier.isEmpty || !earlier.isSubsetOf(context.free)) return undefined;
  const prepared = chooseFrom(claim, context, earlier);
  if (!prepared?.cpus.equals(earlier)) return undefined;
  const why = ['The claim had these CPUs before.'];
  return { ...prepared, assignments: prepared.assignments.map((assignment) => ({ ...assignment, why })) };
}

/** CPUs that no claim had which is still to be prepared again, if there are enough. */
function chooseBeside(claim: Claim, context: ChoiceContext, others: CpuSet): PreparedClaim | undefined {
  const { free } = context;
  return others.intersects(free) ? chooseFrom(claim, context, free.difference(others)) : undefined;
}

/**
 * Decides which CPUs a new claim gets: those it had before the node was started anew, else such as no other claim had, else any.
 * Nothing is reserved.
 * @throws ClaimError as `chooseCpus` does.
 */
export function decideCpus(claim: Claim, context: ChoiceContext, { own, others }: EarlierCpus): PreparedClaim {
  return chooseAgain(claim, context, own) ?? chooseBeside(claim, context, others) ?? chooseCpus(claim, context);
}
