import type { CpuSet } from '../cpuset/cpu-set.ts';
import { countFree } from './census.ts';
import { type Choice, isBestFit } from './choice.ts';
import { listByCost } from './choose-by-cost.ts';
import { isSpread } from './choose-by-policy.ts';
import { sumCosts } from './cpu-wishes.ts';
import type { AvoidSharing, PlacementRequest } from './placement-request.ts';
import { servesGoal } from './region.ts';
import { type Columns, scoreCpus } from './score.ts';
import { weighSharing, weighUse } from './shared-use.ts';
import type { Workspace } from './workspace.ts';

/** A choice that is to share less, and what it was made for. */
export interface SharingRequest {
  readonly choice: Choice;
  readonly allowed: CpuSet;
  readonly request: PlacementRequest;
  /** What each CPU costs by the wishes of the request. */
  readonly wishes: Float64Array;
}

/** Whether `score` is as low as `limit` in every column. */
function isAsGood(score: Columns, limit: Columns, { cpus, ...request }: PlacementRequest): boolean {
  const goal = { cpus, limit, strictly: false, spread: isSpread({ cpus, ...request }) };
  return servesGoal(score, goal) && score.clusters <= limit.clusters && score.distance <= limit.distance;
}

/**
 * Of choices that score the same and keep the wishes as far, one whose caches and cores others use least; the given one where no
 * other is better.
 */
export function shareLess(
  workspace: Workspace,
  avoid: AvoidSharing,
  { choice, allowed, request, wishes }: SharingRequest,
): Choice {
  const { index, before } = workspace;
  const words = allowed.toWords();
  const scoreAmong = (taken: Uint32Array) => {
    countFree(before, words);
    return scoreCpus(index, taken, before.coreFree, workspace.score);
  };
  const limit = scoreAmong(choice.words);
  const use = weighUse(index, avoid);
  const plain = { ...choice, score: limit };
  const listEqual = (coresFirst: boolean) =>
    listByCost(workspace, { words, request, plain, wishes, use, coresFirst, sameReach: true }).filter(
      (one) =>
        isAsGood(scoreAmong(one.words), limit, request) &&
        sumCosts(wishes, one.words) <= sumCosts(wishes, choice.words),
    );
  const rank = (one: Choice) => ({ one, sharing: weighSharing(index, one.words, avoid) });
  // The kubelet's best fit may rule out what the order of the columns prefers: then cores come before caches.
  const inOrder = listEqual(false);
  const equal = inOrder.length > 0 ? inOrder : listEqual(true);
  const best = [choice, ...equal].map(rank).reduce((best, other) => (other.sharing < best.sharing ? other : best)).one;
  return best !== choice && isBestFit(best) ? { ...best, rule: { kind: 'least-shared' } } : best;
}
