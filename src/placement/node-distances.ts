import type { CpuTopology } from '../topology/topology.ts';

/** How far apart the NUMA nodes with CPUs are (ACPI SLIT), by their dense numbers. */
export interface NodeDistances {
  readonly nodeCount: number;
  /** Row by row; both directions, which firmware may give different values, are kept. */
  readonly table: Int32Array;
  /**
   * A sum that no choice on `nodes` nodes of `sockets` sockets is below, over the distances between each two of the nodes in both
   * directions; on machines of few nodes the least there is.
   */
  readonly leastSum: (nodes: number, sockets: number) => number;
}

/** On machines of more nodes the least sums are estimated; of as many, every set of nodes is tried once. */
const TRIED_NODES_MAX = 10;

/** Linux keeps a distance in 8 bits (numa_set_distance, Linux 6.18); what is far beyond that is no distance. */
const DISTANCE_MAX = 65_535;

/** The distance between two nodes in both directions together. */
export function pairDistance(
  { nodeCount, table }: Pick<NodeDistances, 'nodeCount' | 'table'>,
  a: number,
  b: number,
): number {
  return (table[a * nodeCount + b] ?? 0) + (table[b * nodeCount + a] ?? 0);
}

function readTable(topology: CpuTopology, nodes: ReadonlyMap<number, number>): Int32Array | undefined {
  // A row has one entry per node of the machine, those without CPUs included.
  const rows = topology.numaNodes;
  const table = new Int32Array(nodes.size * nodes.size);
  for (const { numaNode, distances } of rows) {
    const from = nodes.get(numaNode);
    if (from === undefined) continue;
    if (distances?.length !== rows.length) return undefined;
    for (const [column, { numaNode: other }] of rows.entries()) {
      const to = nodes.get(other);
      const distance = distances[column] ?? 0;
      if (!(distance > 0 && distance <= DISTANCE_MAX)) return undefined;
      if (to !== undefined) table[from * nodes.size + to] = distance;
    }
  }
  return nodes.size > 1 && rows.length >= nodes.size ? table : undefined;
}

type Table = Pick<NodeDistances, 'nodeCount' | 'table'>;

/** A walk over the sets of nodes: how many are chosen, of which sockets (a bit each), and what they sum up to. */
interface ChosenNodes {
  readonly nodes: readonly number[];
  readonly sockets: number;
  readonly sum: number;
}

/** The least sums by `sockets * (nodeCount + 1) + nodes`, over every set of nodes. */
function tryEverySet(distances: Table, socketOfNode: readonly number[]): Float64Array {
  const { nodeCount } = distances;
  const least = new Float64Array((nodeCount + 1) ** 2).fill(Number.POSITIVE_INFINITY);
  const visit = (from: number, { nodes, sockets, sum }: ChosenNodes) => {
    const at = countBits(sockets) * (nodeCount + 1) + nodes.length;
    least[at] = Math.min(least[at] ?? 0, sum);
    for (let node = from; node < nodeCount; node += 1) {
      const added = nodes.reduce((added, other) => added + pairDistance(distances, node, other), 0);
      visit(node + 1, {
        nodes: [...nodes, node],
        sockets: sockets | (1 << (socketOfNode[node] ?? 0)),
        sum: sum + added,
      });
    }
  };
  visit(0, { nodes: [], sockets: 0, sum: 0 });
  return least;
}

function countBits(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

function findShortest({ nodeCount, table }: Table): number {
  const between = table.filter((_, at) => Math.floor(at / nodeCount) !== at % nodeCount);
  return between.reduce((shortest, distance) => Math.min(shortest, distance), Number.POSITIVE_INFINITY);
}

/** @param socketOfNode the socket of each node; undefined where a node has CPUs of several. */
function findLeastSums(distances: Table, socketOfNode: readonly number[] | undefined): NodeDistances['leastSum'] {
  const shortest = findShortest(distances);
  const estimate = (nodes: number) => nodes * (nodes - 1) * shortest;
  if (!socketOfNode || distances.nodeCount > TRIED_NODES_MAX) return estimate;
  let least: Float64Array | undefined;
  return (nodes, sockets) => {
    least ??= tryEverySet(distances, socketOfNode);
    return least[sockets * (distances.nodeCount + 1) + nodes] ?? estimate(nodes);
  };
}

/** The socket of each node by their dense numbers; undefined where a node has CPUs of several. */
function findSocketOfNode(topology: CpuTopology, nodes: DenseNumbers, sockets: DenseNumbers): number[] | undefined {
  const socketOfNode = new Map<number, number>();
  for (const { numaNode, socket } of topology.cpus) {
    const [node, here] = [nodes.get(numaNode) ?? 0, sockets.get(socket) ?? 0];
    const other = socketOfNode.get(node);
    if (other !== undefined && other !== here) return undefined;
    socketOfNode.set(node, here);
  }
  return Array.from(nodes.values(), (node) => socketOfNode.get(node) ?? 0);
}

type DenseNumbers = ReadonlyMap<number, number>;

/**
 * The distances of a topology; undefined where the kernel gives none or they are not one for each node.
 * @param nodes the dense numbers of the nodes with CPUs.
 */
export function buildDistances(
  topology: CpuTopology,
  nodes: DenseNumbers,
  sockets: DenseNumbers,
): NodeDistances | undefined {
  const table = readTable(topology, nodes);
  if (!table) return undefined;
  const distances = { nodeCount: nodes.size, table };
  return { ...distances, leastSum: findLeastSums(distances, findSocketOfNode(topology, nodes, sockets)) };
}
