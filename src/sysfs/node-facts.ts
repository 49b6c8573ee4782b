import { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuGroup } from '../topology/facts.ts';
import type { NodeSet, NumaNode } from '../topology/topology.ts';
import { listNumbered } from './cpu-lists.ts';
import { CPU_DIRECTORY, NODE_DIRECTORY, type SysfsReader } from './sysfs-reader.ts';
import { readFirstSet } from './topology-directory.ts';
import { NODE_SET_FILES } from './topology-files.ts';
import { quote } from '../lib/quote.ts';
import { countOf } from '../lib/count.ts';

/** The distances of a node; undefined where they are not one for each of the `count` nodes. */
function readDistances(reader: SysfsReader, path: string, count: number): readonly number[] | undefined {
  const text = reader.readText(path);
  if (text === undefined) return undefined;
  const distances = text.split(/\s+/).map(Number);
  if (distances.length === count && distances.every((distance) => distance > 0)) return distances;
  reader.report(path, `is ${quote(text)}; want ${countOf(count, 'distance')}, one for each node`);
  return undefined;
}

/**
 * The nodes that have memory: `has_memory` (Documentation/ABI/stable/sysfs-devices-node, Linux 6.18), before 3.8 the file of
 * those with memory that every kernel can use; undefined where neither is there.
 */
function readNodesWithMemory(reader: SysfsReader): NodeSet | undefined {
  return reader.readList(`${NODE_DIRECTORY}/has_memory`) ?? reader.readList(`${NODE_DIRECTORY}/has_normal_memory`);
}

/** The nodes whose `nodeM` entry a CPU's own directory has. */
function listNodesOf(reader: SysfsReader, cpu: number): number[] {
  return listNumbered(reader.listDirectory(`${CPU_DIRECTORY}/cpu${cpu}`), 'node');
}

/** Reports CPUs that several nodes list. */
function reportOverlaps(reader: SysfsReader, nodes: readonly NumaNode[]): void {
  let seen = CpuSet.empty;
  for (const { numaNode, cpus } of nodes) {
    const shared = cpus.intersection(seen);
    if (!shared.isEmpty) {
      reader.report(`${NODE_DIRECTORY}/node${numaNode}`, `lists CPUs "${shared}", which are in a lower node too`);
    }
    seen = seen.union(cpus);
  }
}

/** Gives each CPU that no node lists to the node that its own directory names, and reports those without. */
function placeUnlisted(reader: SysfsReader, nodes: readonly NumaNode[], unlisted: CpuSet): NumaNode[] {
  const added = new Map<number, number[]>();
  for (const cpu of unlisted) {
    const node = listNodesOf(reader, cpu).find((id) => nodes.some(({ numaNode }) => numaNode === id));
    if (node === undefined) reader.report(`${CPU_DIRECTORY}/cpu${cpu}`, `is in no NUMA node`);
    else added.set(node, [...(added.get(node) ?? []), cpu]);
  }
  return nodes.map((node) => ({ ...node, cpus: node.cpus.union(CpuSet.from(added.get(node.numaNode) ?? [])) }));
}

/** Reads the NUMA nodes with their online CPUs, in ascending order; none where the kernel has no NUMA support. */
export function readNumaNodes(reader: SysfsReader, online: CpuSet): NumaNode[] {
  const ids = listNumbered(reader.listDirectory(NODE_DIRECTORY), 'node');
  if (ids.length === 0) return [];
  const withMemory = readNodesWithMemory(reader);
  const nodes = ids.map((numaNode) => {
    const directory = `${NODE_DIRECTORY}/node${numaNode}`;
    const cpus = readFirstSet(reader, { directory, files: NODE_SET_FILES })?.cpus ?? CpuSet.empty;
    return {
      numaNode,
      cpus: cpus.intersection(online),
      hasMemory: withMemory?.has(numaNode),
      distances: readDistances(reader, `${directory}/distance`, ids.length),
    };
  });
  reportOverlaps(reader, nodes);
  const listed = CpuSet.unionOf(nodes.map(({ cpus }) => cpus));
  return placeUnlisted(reader, nodes, online.difference(listed));
}

/** The node of each CPU: of several that list it, the lowest, as `buildTopology` decides. */
function mapToNode(nodes: readonly NumaNode[]): Map<number, number> {
  const nodeOf = new Map<number, number>();
  for (const { numaNode, cpus } of nodes) {
    for (const cpu of cpus) if (!nodeOf.has(cpu)) nodeOf.set(cpu, numaNode);
  }
  return nodeOf;
}

/**
 * Reports cores whose threads are in different NUMA nodes: firmware and hypervisors give out such tables, hardware has no such
 * cores. Every CPU stays in the node that lists it.
 */
export function reportSplitCores(reader: SysfsReader, cores: readonly CpuGroup[], nodes: readonly NumaNode[]): void {
  const nodeOf = mapToNode(nodes);
  const strays = new Map<number, number[]>();
  for (const { cpus } of cores) {
    const home = nodeOf.get(cpus.first ?? -1);
    for (const cpu of cpus) {
      const node = nodeOf.get(cpu);
      if (node !== undefined && node !== home) strays.set(node, [...(strays.get(node) ?? []), cpu]);
    }
  }
  for (const [node, cpus] of strays) {
    const path = `${NODE_DIRECTORY}/node${node}`;
    reader.report(path, `lists CPUs "${CpuSet.from(cpus)}"; other threads of their cores are in another node`);
  }
}
