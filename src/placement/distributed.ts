import { takeBestFit, takeWithin } from './best-fit.ts';
import { copyCensus, countFree } from './census.ts';
import type { Choice } from './choice.ts';
import { proposeNearerNodes, type ShareCandidates } from './nearer-nodes.ts';
import { pairDistance } from './node-distances.ts';
import { type NodeShares, proposeShares, shareOutCpus, type ShareRequest } from './node-shares.ts';
import { orderCells, orderDomains } from './order.ts';
import { takePacked } from './packed.ts';
import { PlacementError } from './placement-error.ts';
import { compareColumns, servesGoal } from './region.ts';
import { isNearest, scoreCpus } from './score.ts';
import type { Workspace } from './workspace.ts';

/** What to distribute. */
export interface DistributedRequest {
  readonly cpus: number;
  /** CPUs are handed out in groups of this size. */
  readonly group: number;
  /** Over exactly this many NUMA nodes; undefined means the fewest that can give even shares. */
  readonly nodes: number | undefined;
}

/** A request put to the NUMA nodes with free CPUs, in the order of best fit. */
interface NodeRequest extends ShareRequest {
  readonly nodes: number | undefined;
  /** The dense number of each entry of the lists. */
  readonly order: Int32Array;
}

/** What each node of the request's order is to give. */
interface NodePlan extends NodeRequest {
  readonly shares: NodeShares;
}

function putToNodes({ before, bestFit, index }: Workspace, { cpus, group, nodes }: DistributedRequest): NodeRequest {
  const { cells, domains } = bestFit;
  const count = orderDomains(cells, orderCells(before, cells), index.cellNode, domains);
  const order = domains.slice(0, count);
  const { distances } = index;
  return {
    cpus,
    group,
    nodes,
    order,
    free: Array.from(order, (node) => before.nodeFree[node] ?? 0),
    distance: distances && ((from, to) => pairDistance(distances, order[from] ?? 0, order[to] ?? 0)),
  };
}

/** Takes every node's even share, then group by group what is left over, each time by best fit within the node. */
function takeByBestFit({ before, census, bestFit }: Workspace, { order, shares, group }: NodePlan): Uint32Array {
  copyCensus(before, census);
  for (const [i, node] of order.entries()) takeWithin(census, node, shares.even[i] ?? 0, bestFit);
  const rounds = Math.max(...shares.extraGroups);
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, node] of order.entries()) {
      if ((shares.extraGroups[i] ?? 0) > round) takeWithin(census, node, group, bestFit);
    }
  }
  return census.takenWords.slice();
}

/** The CPUs that each node of the order gives. */
function listShares({ shares, group }: NodePlan): number[] {
  return shares.even.map((cpus, i) => cpus + (shares.extraGroups[i] ?? 0) * group);
}

/** Takes every node's whole share at once, with regard to caches. Counts other CPUs in `before` meanwhile. */
function takeByPacking(workspace: Workspace, freeWords: Uint32Array, plan: NodePlan): Uint32Array {
  const { index, before } = workspace;
  const all = new Uint32Array(index.wordCount);
  const words = new Uint32Array(index.wordCount);
  for (const [i, cpus] of listShares(plan).entries()) {
    if (cpus === 0) continue;
    const nodeAt = (plan.order[i] ?? 0) * index.wordCount;
    for (let w = 0; w < words.length; w += 1) words[w] = (freeWords[w] ?? 0) & (index.nodeWords[nodeAt + w] ?? 0);
    countFree(before, words);
    const share = takePacked(workspace, cpus, { alignL3: true, spread: false });
    for (let w = 0; w < words.length; w += 1) all[w] = (all[w] ?? 0) | (share.words[w] ?? 0);
  }
  return all;
}

function readShares({ nodeIds }: Workspace['index'], plan: NodePlan): Map<number, number> {
  const taken = listShares(plan).map((cpus, i): [number, number] => [nodeIds[plan.order[i] ?? 0] ?? 0, cpus]);
  return new Map(taken.filter(([, cpus]) => cpus > 0).sort(([a], [b]) => a - b));
}

/** The plan's CPUs as the kubelet takes them within each node, and with regard to caches. */
function takeBothWays(workspace: Workspace, plan: NodePlan): { readonly fitted: Choice; readonly packed: Choice } {
  const { before, index, score } = workspace;
  const freeWords = before.freeWords.slice();
  const given = plan.nodes === undefined ? {} : { nodes: plan.nodes };
  const rule = { kind: 'even-shares', shares: readShares(index, plan), ...given } as const;
  const fitted = takeByBestFit(workspace, plan);
  const fittedScore = scoreCpus(index, fitted, before.coreFree, score);
  const packed = takeByPacking(workspace, freeWords, plan);
  countFree(before, freeWords);
  const packedScore = scoreCpus(index, packed, before.coreFree, score);
  return { fitted: { words: fitted, score: fittedScore, rule }, packed: { words: packed, score: packedScore, rule } };
}

/** Takes what the plan says, as the kubelet does or, with the same shares, better. */
function takePlan(workspace: Workspace, plan: NodePlan): Choice {
  const { fitted, packed } = takeBothWays(workspace, plan);
  const [limit, score] = [fitted.score, packed.score];
  // The shares are the same. For fewer L3 caches alone the kubelet's CPUs are not left: this policy is not about caches.
  const isBetter =
    (score.clusters < limit.clusters || score.cores < limit.cores || score.brokenCores < limit.brokenCores) &&
    servesGoal(score, { cpus: plan.cpus, limit, strictly: true, spread: false });
  return isBetter ? packed : fitted;
}

/** How much more the largest share is than the smallest. */
function countUneven(plan: NodePlan): number {
  const shares = listShares(plan).filter((cpus) => cpus > 0);
  return Math.max(...shares) - Math.min(...shares);
}

/** The nodes as candidates; a node whose free CPUs are in several sockets is of all these. */
function listCandidates({ before, index }: Workspace, { order, free, distance }: NodeRequest): ShareCandidates {
  const { nodeCells, cellSocket } = index;
  const sockets = Array.from(order, (node) => {
    const cells = nodeCells.items.subarray(nodeCells.starts[node], nodeCells.starts[node + 1]);
    return cells.reduce(
      (bits, cell) => ((before.cellFree[cell] ?? 0) > 0 ? bits | (1n << BigInt(cellSocket[cell] ?? 0)) : bits),
      0n,
    );
  });
  return { free, sockets, distance };
}

/** Equal shares of nodes in several sockets. */
interface WideShares {
  readonly nodes: number;
  readonly sockets: number;
  readonly share: number;
}

/** Whether as many nodes that have a share each may lie in fewer sockets. */
function mayNeedFewerSockets({ before, index }: Workspace, { nodes, sockets, share }: WideShares): boolean {
  const { cellNode, socketCells, socketCount } = index;
  const { starts, items } = socketCells;
  // In one socket already: there are no fewer.
  if (sockets < 2) return nodes === 0;
  let most = 0;
  for (let socket = 0; socket < socketCount; socket += 1) {
    let givers = 0;
    for (let at = starts[socket] ?? 0; at < (starts[socket + 1] ?? 0); at += 1) {
      if ((before.nodeFree[cellNode[items[at] ?? 0] ?? 0] ?? 0) >= share) givers += 1;
    }
    most = Math.max(most, givers);
  }
  return most * (sockets - 1) >= nodes;
}

/**
 * As many nodes with the same shares that lie in fewer sockets, or in as many and nearer to each other, where no other column
 * of the score is higher for it.
 */
function takeNearerNodes(workspace: Workspace, plan: NodePlan, kubelets: Choice): Choice | undefined {
  const { score } = kubelets;
  const { sockets, distance, numaNodes: count } = score;
  const share = plan.shares.even.find((cpus) => cpus > 0) ?? 0;
  if (isNearest(workspace.index, score) && !mayNeedFewerSockets(workspace, { nodes: count, sockets, share })) {
    return undefined;
  }
  if (plan.shares.even.filter((cpus) => cpus > 0).length !== count) return undefined;
  const sets = proposeNearerNodes(listCandidates(workspace, plan), { count, share, sockets, distance });
  const goal = { cpus: plan.cpus, limit: score, strictly: true, spread: false };
  for (const shares of sets.flatMap((set) => proposeShares(set, plan))) {
    const other = { ...plan, shares };
    if (countUneven(other) > countUneven(plan)) continue;
    const { fitted, packed } = takeBothWays(workspace, other);
    const better = [fitted, packed].filter((choice) => servesGoal(choice.score, goal));
    if (better.length > 0) return better.reduce((a, b) => (compareColumns(b.score, a.score, false) < 0 ? b : a));
  }
  return undefined;
}

/** Refuses a request for a number of nodes that cannot share it evenly. */
function refuse({ before, index }: Workspace, { cpus, group, nodes }: DistributedRequest): never {
  const free = Array.from(before.nodeFree, (count, node) => `${count} on node ${index.nodeIds[node] ?? node}`);
  throw new PlacementError(
    'Unsatisfiable',
    `Cannot choose ${cpus} CPUs evenly of ${nodes} NUMA nodes in groups of ${group}: free are ${free.join(', ')}`,
  );
}

/**
 * Spreads CPUs evenly over the fewest NUMA nodes that can give equal shares (KEP-2902), of these over those of the fewest sockets and
 * nearest to each other. Where no nodes can, or the request is no multiple of the group, best fit over all of them, as in the
 * kubelet.
 * @throws PlacementError `Unsatisfiable` when a number of nodes is given that cannot.
 */
export function takeDistributed(workspace: Workspace, words: Uint32Array, request: DistributedRequest): Choice {
  const { before, index, census, bestFit } = workspace;
  countFree(before, words);
  const put = putToNodes(workspace, request);
  const shares = request.cpus % request.group === 0 ? shareOutCpus(put) : undefined;
  if (shares) {
    const plan = { ...put, shares };
    const choice = takePlan(workspace, plan);
    return takeNearerNodes(workspace, plan, choice) ?? choice;
  }
  if (request.nodes !== undefined) refuse(workspace, request);
  copyCensus(before, census);
  takeBestFit(census, request.cpus, { alignL3: false, spread: false }, bestFit);
  const taken = census.takenWords.slice();
  const score = scoreCpus(index, taken, before.coreFree, workspace.score);
  return { words: taken, score, rule: { kind: 'no-even-shares' } };
}
