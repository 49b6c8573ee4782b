import { type BestFitScratch, takeWithin } from './best-fit.ts';
import type { Census } from './census.ts';
import { type NodeShares, shareOutCpus } from './node-shares.ts';
import { orderCells, orderDomains } from './order.ts';

/** What to distribute. */
export interface DistributedRequest {
  readonly cpus: number;
  /** CPUs are handed out in groups of this size. */
  readonly group: number;
}

/** The NUMA nodes with free CPUs in the order of best fit, and what each is to give. */
export interface NodePlan {
  readonly nodes: Int32Array;
  readonly shares: NodeShares;
}

/** Plans the nodes' shares; undefined where the CPUs cannot be distributed evenly. */
export function planNodes(
  census: Census,
  { cpus, group }: DistributedRequest,
  scratch: BestFitScratch,
): NodePlan | undefined {
  if (cpus % group !== 0) return undefined;
  const { index, nodeFree } = census;
  const { cells, domains } = scratch;
  const count = orderDomains(cells, orderCells(census, cells), index.cellNode, domains);
  const nodes = domains.slice(0, count);
  const { distances, nodeCount } = index;
  const shares = shareOutCpus({
    cpus,
    group,
    free: Array.from(nodes, (node) => nodeFree[node] ?? 0),
    distance: distances && ((from, to) => distances[(nodes[from] ?? 0) * nodeCount + (nodes[to] ?? 0)] ?? 0),
  });
  return shares && { nodes, shares };
}

/** Takes the shares: every node's even one, then group by group what is left over, each time by best fit within the node. */
export function takeShares(census: Census, { nodes, shares }: NodePlan, group: number, scratch: BestFitScratch): void {
  for (const [i, node] of nodes.entries()) takeWithin(census, node, shares.even[i] ?? 0, scratch);
  const rounds = Math.max(...shares.extraGroups);
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, node] of nodes.entries()) {
      if ((shares.extraGroups[i] ?? 0) > round) takeWithin(census, node, group, scratch);
    }
  }
}
