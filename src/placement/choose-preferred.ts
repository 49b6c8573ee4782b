import { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { type Choice, isBestFit } from './choice.ts';
import { listByCost } from './choose-by-cost.ts';
import { chooseByPolicy, isSpread } from './choose-by-policy.ts';
import { sumCosts } from './cpu-wishes.ts';
import { PlacementError } from './placement-error.ts';
import type { PlacementRequest } from './placement-request.ts';
import { findPreferred } from './preferences.ts';
import { compareColumns } from './region.ts';
import type { Workspace } from './workspace.ts';

/** A choice and the CPUs that it was made among. */
interface MadeChoice {
  readonly among: CpuSet;
  readonly choice: Choice;
}

/** Tries the policy on a set of CPUs; undefined where they are too few or do not have the shape it demands. */
function tryPolicy(workspace: Workspace, among: CpuSet, request: PlacementRequest): MadeChoice | undefined {
  if (among.size < request.cpus) return undefined;
  try {
    return { among, choice: chooseByPolicy(workspace, among.toWords(), request) };
  } catch (error) {
    if (error instanceof PlacementError && error.code === 'Unsatisfiable') return undefined;
    throw error;
  }
}

/** Whether even shares were wanted and could not be had. */
function isUneven({ choice }: MadeChoice): boolean {
  return choice.rule.kind === 'no-even-shares';
}

/** Chooses of the preferred CPUs alone where they suffice, else of all. */
function choosePlain(
  workspace: Workspace,
  preferred: readonly CpuSet[],
  allowed: CpuSet,
  request: PlacementRequest,
): MadeChoice {
  const ofPreferred = preferred.flatMap((set) => tryPolicy(workspace, set, request) ?? []);
  const even = ofPreferred.find((made) => !isUneven(made));
  if (even) return even;
  const ofAll = { among: allowed, choice: chooseByPolicy(workspace, allowed.toWords(), request) };
  return isUneven(ofAll) ? (ofPreferred[0] ?? ofAll) : ofAll;
}

/** What the cheapest of the CPUs of `words` cost, as many as are taken. */
function sumLowest(wishes: Float64Array, words: Uint32Array, taken: Uint32Array): number {
  const costs = [...CpuSet.fromWords(words)].map((cpu) => wishes[cpu] ?? 0).sort((a, b) => a - b);
  return costs.slice(0, CpuSet.fromWords(taken).size).reduce((sum, cost) => sum + cost, 0);
}

/** The choice with its own rule, or where the policy has none with that of the preference. */
function explainPreference(choice: Choice): Choice {
  return isBestFit(choice) ? { ...choice, rule: { kind: 'most-preferred' } } : choice;
}

/** A request that prefers CPUs. */
export interface PreferringRequest {
  readonly allowed: CpuSet;
  readonly request: PlacementRequest;
  /** What each CPU costs by the wishes of the request. */
  readonly wishes: Float64Array;
}

/**
 * Chooses of the preferred CPUs alone where they suffice. Else takes as many of them as can be had in no more sockets and NUMA nodes
 * than without a preference, and the others as near to them as that allows.
 * @throws PlacementError as `chooseByPolicy` does.
 */
export function choosePreferred(
  workspace: Workspace,
  topology: CpuTopology,
  { allowed, request, wishes }: PreferringRequest,
): Choice {
  const preferred = findPreferred(topology, allowed, request);
  const { among, choice: plain } = choosePlain(workspace, preferred, allowed, request);
  const words = among.toWords();
  if (sumCosts(wishes, plain.words) <= sumLowest(wishes, words, plain.words)) return plain;
  const found = listByCost(workspace, {
    words,
    request,
    plain,
    wishes,
    use: undefined,
    coresFirst: false,
    sameReach: false,
  });
  const costOf = (choice: Choice) => sumCosts(wishes, choice.words);
  const better = found.filter((choice) => costOf(choice) < costOf(plain));
  const best = better.sort((a, b) => costOf(a) - costOf(b) || compareColumns(a.score, b.score, isSpread(request)))[0];
  return best ? explainPreference(best) : plain;
}
