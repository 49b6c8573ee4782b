/** What shares are worked out from; every list has one entry per NUMA node with free CPUs, in the order of best fit. */
export interface ShareRequest {
  readonly cpus: number;
  /** CPUs are handed out in groups of this size; `cpus` is a multiple of it. */
  readonly group: number;
  readonly free: readonly number[];
  /** Over exactly this many nodes; undefined means the fewest that can. */
  readonly nodes?: number | undefined;
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

type Distance = ShareRequest['distance'];

/**
 * Chooses the `count` members of a set that have the most CPUs. Where more nodes have the same number than are wanted,
 * they come nearest first, or where no distances are given in the order of the list.
 */
function chooseFullest(
  candidates: readonly number[],
  left: readonly number[],
  count: number,
  distance?: Distance,
): number[] {
  const ranked = [...candidates].sort((a, b) => (left[b] ?? 0) - (left[a] ?? 0) || a - b);
  const least = left[ranked[Math.min(count, ranked.length) - 1] ?? 0];
  const chosen = ranked.filter((node) => (left[node] ?? 0) > (least ?? 0));
  const ties = ranked.filter((node) => left[node] === least);
  const wanted = count - chosen.length;
  const picked = distance && ties.length > wanted ? pickNearest(ties, chosen, wanted, distance) : ties.slice(0, wanted);
  return [...chosen, ...picked].sort((a, b) => a - b);
}

/**
 * Of `ties` as many as `count`, each time the one with the smallest sum of distances to those chosen before; where none was
 * chosen before, from each of them on, and the best of these.
 */
function pickNearest(
  ties: readonly number[],
  chosen: readonly number[],
  count: number,
  distance: NonNullable<Distance>,
): readonly number[] {
  const seeds = chosen.length > 0 ? [chosen] : ties.map((node) => [node]);
  const grown = seeds.map((seed) => growNearest(ties, seed, count - (chosen.length > 0 ? 0 : 1), distance));
  const best = grown.reduce((best, one) => (one.cost < best.cost ? one : best));
  return best.picked.filter((node) => !chosen.includes(node));
}

/** Adds `count` of `ties` to the seed, nearest first; O(count n). */
function growNearest(
  ties: readonly number[],
  seed: readonly number[],
  count: number,
  distance: NonNullable<Distance>,
): { picked: number[]; cost: number } {
  const picked = [...seed];
  let open = ties
    .filter((node) => !seed.includes(node))
    .map((node) => ({
      node,
      sum: seed.reduce((sum, other) => sum + distance(node, other), 0),
    }));
  let cost = 0;
  for (let i = 0; i < count; i += 1) {
    const nearest = open.reduce((best, one) => (one.sum < best.sum ? one : best));
    cost += nearest.sum;
    picked.push(nearest.node);
    open = open
      .filter((one) => one !== nearest)
      .map(({ node, sum }) => ({ node, sum: sum + distance(node, nearest.node) }));
  }
  return { picked, cost };
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
 * Sets of `count` receivers that may leave the best balance. Groups are dealt in the order of the list, so that the first
 * `leaders` of a set get one more than the others: for each place where leaders end, the fullest before it and the fullest behind.
 */
function proposeReceivers(receivers: readonly number[], left: readonly number[], count: number, leaders: number) {
  if (leaders === 0) return [chooseFullest(receivers, left, count)];
  const sets: number[][] = [];
  for (let end = leaders; end <= receivers.length - (count - leaders); end += 1) {
    const first = chooseFullest(receivers.slice(0, end), left, leaders);
    sets.push(leaders === count ? first : [...first, ...chooseFullest(receivers.slice(end), left, count - leaders)]);
  }
  return sets;
}

/**
 * Gives what the even share leaves over to the nodes that then are in best balance. All nodes of the set are tried as receivers
 * first, then ever fewer, so that of equal balances the widest distribution is kept. Where there are fewer groups than
 * receivers, only so many get one.
 */
function shareRemainder(nodes: readonly number[], left: readonly number[], groups: number, group: number) {
  const receivers = nodes.filter((node) => (left[node] ?? 0) >= group);
  let best: { extra: number[]; imbalance: number } | undefined;
  for (let count = Math.min(receivers.length, groups); count >= 1; count -= 1) {
    for (const set of proposeReceivers(receivers, left, count, groups % count)) {
      const extra = dealGroups(set, left, groups, group);
      if (!extra) continue;
      const after = imbalance(left.map((cpus, node) => cpus - (extra[node] ?? 0) * group));
      if (!best || after < best.imbalance) best = { extra, imbalance: after };
    }
  }
  return best?.extra;
}

/** Whether the fullest nodes can each give an even share and all together the rest in groups. */
function canShare(ranked: readonly number[], count: number, { cpus, group }: ShareRequest): boolean {
  const share = Math.floor(cpus / count / group) * group;
  if ((ranked[count - 1] ?? 0) < share) return false;
  const groups = ranked.slice(0, count).reduce((sum, free) => sum + Math.floor(free / group), 0);
  return groups * group >= cpus;
}

/**
 * Works out how KEP-2902 (distribute-cpus-across-numa, Kubernetes 1.35) spreads CPUs over NUMA nodes: over the fewest nodes
 * that can each give the same number of groups, remainders going to some of them; of several such sets the one that
 * leaves the machine's free CPUs most balanced. Returns undefined where no set can.
 *
 * The KEP's text tries every set of nodes. That is not needed: what is taken off a node changes the sum of squares of the
 * free CPUs the more, the more it has, so a best set always consists of the fullest nodes. For n nodes this takes O(n^4)
 * steps at most, and it ends on every input.
 */
export function shareOutCpus(request: ShareRequest): NodeShares | undefined {
  const { cpus, group, free, distance } = request;
  const ranked = [...free].sort((a, b) => b - a);
  const nodesMax = Math.min(cpus / group, free.length);
  let count = request.nodes ?? 1;
  while (count <= nodesMax && request.nodes === undefined && !canShare(ranked, count, request)) count += 1;
  if (count > nodesMax || !canShare(ranked, count, request)) return undefined;
  return shareAmong(chooseFullest([...free.keys()], free, count, distance), request);
}

/** The same over given nodes, which must each have an even share; undefined where they cannot give the rest. */
function shareAmong(nodes: readonly number[], { cpus, group, free }: ShareRequest): NodeShares | undefined {
  const chosen = new Set(nodes);
  const share = Math.floor(cpus / nodes.length / group) * group;
  const left = free.map((here, node) => (chosen.has(node) ? here - share : here));
  const groups = (cpus - share * nodes.length) / group;
  const extraGroups = groups === 0 ? free.map(() => 0) : shareRemainder(nodes, left, groups, group);
  return extraGroups && { even: free.map((_, node) => (chosen.has(node) ? share : 0)), extraGroups };
}

/** Ways of giving the rest that are proposed for one set of nodes at most. */
const WAYS_MAX = 8;

/** Every choice of `count` of the nodes, in ascending order. */
function* chooseNodes(nodes: readonly number[], count: number): Generator<readonly number[]> {
  if (count === 0) yield [];
  for (const [i, node] of nodes.entries()) {
    if (count === 0) return;
    for (const others of chooseNodes(nodes.slice(i + 1), count - 1)) yield [node, ...others];
  }
}

/**
 * The ways to share a request over given nodes: first the one that leaves them in best balance, then some others that are as even,
 * in which other nodes get one more group.
 */
export function proposeShares(nodes: readonly number[], request: ShareRequest): NodeShares[] {
  const balanced = shareAmong(nodes, request);
  const rest = balanced?.extraGroups.reduce((sum, groups) => sum + groups, 0) ?? 0;
  if (!balanced || rest === 0 || rest >= nodes.length) return balanced ? [balanced] : [];
  const share = Math.max(...balanced.even);
  const able = nodes.filter((node) => (request.free[node] ?? 0) >= share + request.group);
  const ways: NodeShares[] = [balanced];
  for (const receivers of chooseNodes(able, rest)) {
    if (ways.length === WAYS_MAX) break;
    ways.push({ even: balanced.even, extraGroups: balanced.even.map((_, node) => (receivers.includes(node) ? 1 : 0)) });
  }
  return ways;
}
