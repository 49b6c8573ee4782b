import { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuTopology, NodeSet, NumaNode } from './topology.ts';

/** The nodes with memory that are nearest to a node without: all that are equally near, every one where no distances are known. */
function findNearest(node: NumaNode, nodes: readonly NumaNode[]): NumaNode[] {
  const distanceTo = (other: NumaNode) => node.distances?.[nodes.indexOf(other)] ?? Number.POSITIVE_INFINITY;
  const withMemory = nodes.filter(({ hasMemory }) => hasMemory);
  const least = Math.min(...withMemory.map(distanceTo));
  return withMemory.filter((other) => distanceTo(other) === least);
}

/**
 * The NUMA nodes whose memory is local to the CPUs: each CPU's own node, or the nearest with memory where that one has none
 * (`CONFIG_HAVE_MEMORYLESS_NODES`, a CPU die without modules). Empty where the kernel tells of no node with memory, as on
 * a machine without NUMA directories.
 */
export function findMemoryNodes({ numaNodes }: CpuTopology, cpus: CpuSet): NodeSet {
  const ofCpus = numaNodes.filter((node) => node.cpus.intersects(cpus));
  const local = ofCpus.flatMap((node) => (node.hasMemory ? [node] : findNearest(node, numaNodes)));
  return CpuSet.from(local.map(({ numaNode }) => numaNode));
}
