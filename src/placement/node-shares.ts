/** What shares are worked out from; every list has one entry per NUMA node with free CPUs, in the order of best fit. */
export interface ShareRequest {
  readonly cpus: number;
  /** CPUs are handed out in groups of this size; `cpus` is a multiple of it. */
  readonly group: number;
  readonly free: readonly number[];
  /** Distance from one node of the list to another; undefined where it is not known. */
  readonly distance: ((from: number, to: number) => number) | undefined;
}

/** CPUs per node of the request's lists: an even share first, then single groups until nothing is left to give. */
export interface NodeShares {
  readonly even: readonly number[];
  /** How many groups each node gets on top. */
  readonly extraGroups: readonly number[];
}

/** The sum of squares of what stays free: the lower, the more balanced the machine is afterwards (the sum itself is fixed). */
function imbalance(left: readonly number[]): number {
  return left.reduce((sum, cpus) => sum + cpus * cpus, 0);
}

/**
 * Chooses the members of a set one by one from those with the most CPUs. Where more nodes have the same number than are
 * wanted, they come nearest first, or where no distances are known in the order of the list.
 */
function chooseFullest(
  candidates: readonly number[],
  left: readonly number[],
  count: number,
  request: ShareRequest,
): number[] {
  const chosen: number[] = [];
  const open = new Set(candidates);
  while (chosen.length < count && open.size > 0) {
    const most = Math.max(...[...open].map((node) => left[node] ?? 0));
    const ties = [...open].filter((node) => left[node] === most);
    const next = pickNearest(ties, chosen, count - chosen.length, request);
    for (const node of next) {
      chosen.push(node);
      open.delete(node);
    }
  }
  return chosen.sort((a, b) => a - b);
}

/** Of `ties` as many as `count`, each time the one with the smallest sum of distances to those chosen before. */
function pickNearest(
  ties: readonly number[],
  chosen: readonly number[],
  count: number,
  { distance }: ShareRequest,
): number[] {
  if (ties.length <= count || !distance) return ties.slice(0, count);
  const sumTo = (node: number, others: readonly number[]) =>
    others.reduce((sum, other) => sum + distance(node, other), 0);
  const growFrom = (seed: readonly number[]) => {
    const picked = [...seed];
    let cost = picked.reduce((sum, node) => sum + sumTo(node, chosen), 0);
    while (picked.length < count) {
      const around = [...chosen, ...picked];
      const rest = ties.filter((node) => !picked.includes(node));
      const nearest = rest.reduce((best, node) => (sumTo(node, around) < sumTo(best, around) ? node : best));
      cost += sumTo(nearest, around);
      picked.push(nearest);
    }
    return { picked, cost };
  };
  const grown = (chosen.length > 0 ? [[]] : ties.map((node) => [node])).map(growFrom);
  return grown.reduce((best, one) => (one.cost < best.cost ? one : best)).picked;
}

/** Hands out groups in turns to those of `nodes` that still have one; undefined if they have too few. */
function dealGroups(
  nodes: readonly number[],
  left: readonly number[],
  groups: number,
  group: number,
): number[] | undefined {
  const extra = left.map(() => 0);
  let open = nodes.filter((node) => (left[node] ?? 0) >= group);
  let todo = groups;
  while (todo > 0 && open.length > 0) {
    for (const node of open.slice(0, todo)) extra[node] = (extra[node] ?? 0) + 1;
    todo -= Math.min(todo, open.length);
    open = open.filter((node) => (left[node] ?? 0) - (extra[node] ?? 0) * group >= group);
  }
  return todo === 0 ? extra : undefined;
}

/**
 * Gives what the even share leaves over to the nodes that then are in best balance. All nodes of the set are tried as receivers
 * first, then ever fewer of the fullest, so that of equal balances the widest distribution is kept.
 */
function shareRemainder(nodes: readonly number[], left: readonly number[], groups: number, request: ShareRequest) {
  const { group } = request;
  const receivers = nodes.filter((node) => (left[node] ?? 0) >= group);
  let best: { extra: number[]; imbalance: number } | undefined;
  for (let count = receivers.length; count >= 1; count -= 1) {
    const extra = dealGroups(chooseReceivers(receivers, left, { count, groups }, request), left, groups, group);
    if (!extra) continue;
    const after = imbalance(left.map((cpus, node) => cpus - (extra[node] ?? 0) * group));
    if (!best || after < best.imbalance) best = { extra, imbalance: after };
  }
  return best?.extra;
}

/** The fullest nodes in the order of the list; where only the first few of them get a group, those few are the fullest. */
function chooseReceivers(
  receivers: readonly number[],
  left: readonly number[],
  { count, groups }: { count: number; groups: number },
  request: ShareRequest,
): readonly number[] {
  if (groups >= count) return chooseFullest(receivers, left, count, request);
  return chooseFullest(receivers, left, groups, request);
}

/**
 * Works out how KEP-2902 (distribute-cpus-across-numa, Kubernetes 1.35) spreads CPUs over NUMA nodes: over the fewest nodes
 * that can each give the same number of groups, remainders going to some of them; of several such sets the one that
 * leaves the machine's free CPUs most balanced. Returns undefined where no set can.
 *
 * The KEP's text tries every set of nodes. That is not needed: what is taken off a node changes the sum of squares of the
 * free CPUs the more, the more it has, so a best set always consists of the fullest nodes. For n nodes this takes at
 * most n steps of O(n^3), and it ends on every input.
 */
export function shareOutCpus(request: ShareRequest): NodeShares | undefined {
  const { cpus, group, free } = request;
  const nodes = free.map((_, node) => node);
  const nodesMax = Math.min(cpus / group, free.length);
  for (let count = 1; count <= nodesMax; count += 1) {
    const chosen = chooseFullest(nodes, free, count, request);
    const share = Math.floor(cpus / count / group) * group;
    if (chosen.some((node) => (free[node] ?? 0) < share)) continue;
    const left = free.map((here, node) => (chosen.includes(node) ? here - share : here));
    const groups = (cpus - share * count) / group;
    const extraGroups = groups === 0 ? free.map(() => 0) : shareRemainder(chosen, left, groups, request);
    if (extraGroups) return { even: free.map((_, node) => (chosen.includes(node) ? share : 0)), extraGroups };
  }
  return undefined;
}
