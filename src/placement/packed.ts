import { type BestFitOptions, takeBestFit } from './best-fit.ts';
import { copyCensus } from './census.ts';
import { takeBetterRegion } from './improve.ts';
import { toPlacementScore } from './placement-score.ts';
import { scoreCpus } from './score.ts';
import type { Choice } from './choice.ts';
import type { Workspace } from './workspace.ts';

/**
 * The kubelet's best fit, or a choice that is lower in one column of the score and higher in none. The free CPUs are those
 * counted in `workspace.before`, which must be at least as many.
 */
export function takePacked(workspace: Workspace, cpus: number, options: BestFitOptions): Choice {
  const { before, census, index, bestFit } = workspace;
  copyCensus(before, census);
  takeBestFit(census, cpus, options, bestFit);
  const words = census.takenWords.slice();
  const score = scoreCpus(index, words, before.coreFree, workspace.score);
  const better = takeBetterRegion(workspace, { cpus, limit: score, strictly: true, spread: options.spread });
  if (!better) return { words, score, rule: { kind: 'best-fit' } };
  words.set(census.takenWords);
  return { words, score: better, rule: { kind: 'better-than-best-fit', bestFit: toPlacementScore(index, score) } };
}
