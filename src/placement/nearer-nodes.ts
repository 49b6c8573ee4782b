/** NUMA nodes that may share a request, by their place in the order of best fit. */
export interface ShareCandidates {
  /** Free CPUs of each. */
  readonly free: readonly number[];
  /** The sockets that each has CPUs of, a bit for each socket. */
  readonly sockets: readonly bigint[];
  /** Distance between two of them in both directions; undefined where it is not known. */
  readonly distance: ((a: number, b: number) => number) | undefined;
}

/** What a set of nodes must be. */
export interface NearerGoal {
  /** How many nodes. */
  readonly count: number;
  /** CPUs that each must have. */
  readonly share: number;
  /** Fewer sockets than these, or as many and a smaller sum of distances. */
  readonly sockets: number;
  readonly distance: number;
}

/** A set of nodes in ascending order, the sockets it has CPUs of, and the distances between each two. */
interface NodeSet {
  readonly nodes: readonly number[];
  readonly sockets: bigint;
  readonly distance: number;
  readonly free: number;
}

/** A search passes by as many sets at most. */
const STEPS_MAX = 5000;

/** So many sets are proposed at most: each costs a choice of CPUs. */
const SETS_MAX = 8;

function countBits(bits: bigint): number {
  let count = 0;
  for (let rest = bits; rest !== 0n; rest &= rest - 1n) count += 1;
  return count;
}

/** Fewer sockets first, then nearer nodes, then fuller ones, which leaves the machine's free CPUs most balanced. */
function compareSets(a: NodeSet, b: NodeSet): number {
  return countBits(a.sockets) - countBits(b.sockets) || a.distance - b.distance || b.free - a.free;
}

/** The nodes that can give their share, those with most CPUs first. */
function listGivers({ free }: ShareCandidates, { share }: NearerGoal): number[] {
  const givers = [...free.keys()].filter((node) => (free[node] ?? 0) >= share);
  return givers.sort((a, b) => (free[b] ?? 0) - (free[a] ?? 0) || a - b);
}

/**
 * Proposes sets of nodes that can share a request evenly and are nearer to each other than the goal's, best first. On machines of
 * more nodes than can be tried it may miss some.
 */
export function proposeNearerNodes(candidates: ShareCandidates, goal: NearerGoal): (readonly number[])[] {
  const { free, sockets, distance } = candidates;
  const givers = listGivers(candidates, goal);
  const found: NodeSet[] = [];
  let stepsLeft = STEPS_MAX;
  const isNearer = (set: NodeSet) => {
    const count = countBits(set.sockets);
    return count < goal.sockets || (count === goal.sockets && distance !== undefined && set.distance < goal.distance);
  };
  const visit = (from: number, set: NodeSet) => {
    const missing = goal.count - set.nodes.length;
    if (missing === 0) {
      found.push(set);
      return;
    }
    for (let i = from; i <= givers.length - missing && stepsLeft > 0; i += 1) {
      stepsLeft -= 1;
      const node = givers[i] ?? 0;
      const added = distance ? set.nodes.reduce((sum, other) => sum + distance(node, other), 0) : 0;
      const next = {
        nodes: [...set.nodes, node],
        sockets: set.sockets | (sockets[node] ?? 0n),
        distance: set.distance + added,
        free: set.free + (free[node] ?? 0),
      };
      if (isNearer(next)) visit(i + 1, next);
    }
  };
  visit(0, { nodes: [], sockets: 0n, distance: 0, free: 0 });
  const best = found.toSorted(compareSets).slice(0, SETS_MAX);
  return best.map(({ nodes }) => nodes.toSorted((a, b) => a - b));
}
