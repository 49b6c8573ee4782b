import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuTopology } from '../topology/topology.ts';

/** Which CPUs a request would rather have. */
export interface SoftWishes {
  /** `prefer`: isolated CPUs (isolcpus=) first. */
  readonly isolated?: 'prefer' | 'require';
  /** CPUs local to something, such as a PCIe root; others are wanted the less, the farther their NUMA node is. */
  readonly near?: CpuSet;
}

/**
 * What a CPU costs by the wishes: a miss of the isolated ones counts before every miss of the near ones, and that before every
 * distance. Sums over 8,192 CPUs stay exact.
 */
const NOT_ISOLATED = 2 ** 35;
const NOT_NEAR = 2 ** 22;
const DISTANCE_MAX = 255;

/** Distances of common firmware, for kernels that give none: own node, same socket, other socket. */
const ASSUMED = { node: 10, socket: 12, other: 21 } as const;

/** The nodes and sockets that something lies in. */
interface Place {
  readonly nodes: ReadonlySet<number>;
  readonly sockets: ReadonlySet<number>;
}

function findPlace({ cpus }: CpuTopology, near: CpuSet): Place {
  const members = cpus.filter(({ cpu }) => near.has(cpu));
  return {
    nodes: new Set(members.map(({ numaNode }) => numaNode)),
    sockets: new Set(members.map(({ socket }) => socket)),
  };
}

/** The distance from each node to the nearest of the place's; undefined where the kernel gives none. */
function measureNodes({ numaNodes }: CpuTopology, { nodes }: Place): Map<number, number> | undefined {
  const columns = numaNodes.flatMap(({ numaNode }, column) => (nodes.has(numaNode) ? [column] : []));
  const measured = numaNodes.map(({ numaNode, distances }): [number, number] => {
    const known = distances?.length === numaNodes.length ? columns.map((column) => distances[column] ?? 0) : [];
    return [numaNode, known.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...known)];
  });
  return measured.every(([, distance]) => Number.isFinite(distance)) ? new Map(measured) : undefined;
}

/** How far each CPU is from the near ones: by the distance of its NUMA node, of equal ones the same socket first. */
function measureCpus(topology: CpuTopology, near: CpuSet): (cpu: CpuTopology['cpus'][number]) => number {
  const place = findPlace(topology, near);
  const nodes = measureNodes(topology, place);
  return ({ cpu, numaNode, socket }) => {
    if (near.has(cpu)) return 0;
    const isInSocket = place.sockets.has(socket);
    const assumed = place.nodes.has(numaNode) ? ASSUMED.node : isInSocket ? ASSUMED.socket : ASSUMED.other;
    const distance = Math.min(nodes?.get(numaNode) ?? assumed, DISTANCE_MAX);
    return NOT_NEAR + 2 * distance + (isInSocket ? 0 : 1);
  };
}

/** What each CPU costs by the wishes, by its id. */
export function costCpus(topology: CpuTopology, { isolated, near }: SoftWishes): Float64Array {
  const known = near?.intersection(topology.online);
  const measure = known && !known.isEmpty ? measureCpus(topology, known) : undefined;
  const costs = new Float64Array((topology.online.last ?? 0) + 1);
  for (const cpu of topology.cpus) {
    const miss = isolated === 'prefer' && !cpu.isolated ? NOT_ISOLATED : 0;
    costs[cpu.cpu] = miss + (measure?.(cpu) ?? 0);
  }
  return costs;
}

/** Whether a request would rather have some CPUs than others. */
export function hasWishes({ isolated, near }: SoftWishes): boolean {
  return isolated === 'prefer' || near !== undefined;
}

/** What the CPUs of `words` cost together. */
export function sumCosts(costs: Float64Array, words: Uint32Array): number {
  let sum = 0;
  for (let cpu = 0; cpu < costs.length; cpu += 1) {
    if (((words[cpu >>> 5] ?? 0) & (1 << (cpu & 31))) !== 0) sum += costs[cpu] ?? 0;
  }
  return sum;
}
