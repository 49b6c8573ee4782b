import { takeBestFit, takeWithin } from './best-fit.ts';
import { copyCensus, countFree } from './census.ts';
import type { Choice } from './choice.ts';
import { type NodeShares, shareOutCpus } from './node-shares.ts';
import { orderCells, orderDomains } from './order.ts';
import { takePacked } from './packed.ts';
import { PlacementError } from './placement-error.ts';
import { servesGoal } from './region.ts';
import { scoreCpus } from './score.ts';
import type { Workspace } from './workspace.ts';
import { countOf } from '../lib/count.ts';

/** What to distribute. */
export interface DistributedRequest {
  readonly cpus: number;
  /** CPUs are handed out in groups of this size. */
  readonly group: number;
  /** Over exactly this many NUMA nodes; undefined means the fewest that can give even shares. */
  readonly nodes: number | undefined;
}

/** The NUMA nodes with free CPUs in the order of best fit, and what each is to give. */
interface NodePlan {
  readonly nodes: Int32Array;
  readonly shares: NodeShares;
}

function planNodes(
  { before, bestFit, index }: Workspace,
  { cpus, group, nodes: wanted }: DistributedRequest,
): NodePlan | undefined {
  if (cpus % group !== 0) return undefined;
  const { cells, domains } = bestFit;
  const count = orderDomains(cells, orderCells(before, cells), index.cellNode, domains);
  const nodes = domains.slice(0, count);
  const { distances, nodeCount } = index;
  const shares = shareOutCpus({
    cpus,
    group,
    nodes: wanted,
    free: Array.from(nodes, (node) => before.nodeFree[node] ?? 0),
    distance: distances && ((from, to) => distances[(nodes[from] ?? 0) * nodeCount + (nodes[to] ?? 0)] ?? 0),
  });
  return shares && { nodes, shares };
}

/** Takes every node's even share, then group by group what is left over, each time by best fit within the node. */
function takeByBestFit(
  { before, census, bestFit }: Workspace,
  { nodes, shares }: NodePlan,
  group: number,
): Uint32Array {
  copyCensus(before, census);
  for (const [i, node] of nodes.entries()) takeWithin(census, node, shares.even[i] ?? 0, bestFit);
  const rounds = Math.max(...shares.extraGroups);
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, node] of nodes.entries()) {
      if ((shares.extraGroups[i] ?? 0) > round) takeWithin(census, node, group, bestFit);
    }
  }
  return census.takenWords.slice();
}

/** Takes every node's whole share at once, with regard to L3 caches. Counts other CPUs in `before` meanwhile. */
function takeByPacking(
  workspace: Workspace,
  freeWords: Uint32Array,
  { nodes, shares }: NodePlan,
  group: number,
): Uint32Array {
  const { index, before } = workspace;
  const all = new Uint32Array(index.wordCount);
  const words = new Uint32Array(index.wordCount);
  for (const [i, node] of nodes.entries()) {
    const cpus = (shares.even[i] ?? 0) + (shares.extraGroups[i] ?? 0) * group;
    if (cpus === 0) continue;
    const nodeAt = node * index.wordCount;
    for (let w = 0; w < words.length; w += 1) words[w] = (freeWords[w] ?? 0) & (index.nodeWords[nodeAt + w] ?? 0);
    countFree(before, words);
    const share = takePacked(workspace, cpus, { alignL3: true, spread: false });
    for (let w = 0; w < words.length; w += 1) all[w] = (all[w] ?? 0) | (share.words[w] ?? 0);
  }
  return all;
}

function readShares(index: Workspace['index'], { nodes, shares }: NodePlan, group: number): Map<number, number> {
  const taken = Array.from(nodes, (node, i): [number, number] => [
    index.nodeIds[node] ?? 0,
    (shares.even[i] ?? 0) + (shares.extraGroups[i] ?? 0) * group,
  ]);
  return new Map(taken.filter(([, cpus]) => cpus > 0).sort(([a], [b]) => a - b));
}

/**
 * Spreads CPUs evenly over the fewest NUMA nodes that can give equal shares (KEP-2902). Where no nodes can, or the request is no
 * multiple of the group, best fit over all of them, as in the kubelet.
 * @throws PlacementError `Unsatisfiable` when a number of nodes is given that cannot.
 */
export function takeDistributed(workspace: Workspace, words: Uint32Array, request: DistributedRequest): Choice {
  const { before, index } = workspace;
  countFree(before, words);
  const plan = planNodes(workspace, request);
  if (!plan && request.nodes !== undefined) {
    const free = Array.from(before.nodeFree, (count, node) => `${count} on node ${index.nodeIds[node] ?? node}`);
    throw new PlacementError(
      'Unsatisfiable',
      `Cannot choose ${countOf(request.cpus, 'CPU')} evenly of ${countOf(request.nodes, 'NUMA node')} in groups of ${request.group}: free are ${free.join(', ')}`,
    );
  }
  if (!plan) {
    const { census, bestFit } = workspace;
    copyCensus(before, census);
    takeBestFit(census, request.cpus, { alignL3: false, spread: false }, bestFit);
    const words = census.takenWords.slice();
    return {
      words,
      score: scoreCpus(index, words, before.coreFree, workspace.score),
      rule: { kind: 'no-even-shares' },
    };
  }
  const { group } = request;
  const freeWords = before.freeWords.slice();
  const fitted = takeByBestFit(workspace, plan, group);
  const limit = scoreCpus(index, fitted, before.coreFree, workspace.score);
  const given = request.nodes === undefined ? {} : { nodes: request.nodes };
  const rule = { kind: 'even-shares', shares: readShares(index, plan, group), ...given } as const;
  const packed = takeByPacking(workspace, freeWords, plan, group);
  countFree(before, freeWords);
  const score = scoreCpus(index, packed, before.coreFree, workspace.score);
  // The shares are the same. For fewer L3 caches alone the kubelet's CPUs are not left: this policy is not about caches.
  const isBetter =
    servesGoal(score, { cpus: request.cpus, limit, strictly: true, spread: false }) &&
    (score.cores < limit.cores || score.brokenCores < limit.brokenCores);
  return isBetter ? { words: packed, score, rule } : { words: fitted, score: limit, rule };
}
