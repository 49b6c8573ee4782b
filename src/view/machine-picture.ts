import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { Core, CoreType, CpuTopology, L3Cache, NumaNode, Socket } from '../topology/topology.ts';

/** Somebody who has CPUs, for example a claim. */
export interface CpuOwner {
  readonly name: string;
  readonly cpus: CpuSet;
}

/** Cores of one node that share a level 3 cache, or have none. */
export interface CachePicture {
  readonly l3Cache: L3Cache | undefined;
  /** Whether the cache serves CPUs beyond these too. */
  readonly isShared: boolean;
  readonly cores: readonly Core[];
}

/** The part of a NUMA node that lies in one socket. */
export interface NodePicture {
  readonly node: NumaNode;
  readonly caches: readonly CachePicture[];
}

export interface SocketPicture {
  readonly socket: Socket;
  readonly nodes: readonly NodePicture[];
}

/** The machine as it is drawn: boxes in boxes, cores innermost. */
export interface MachinePicture {
  readonly topology: CpuTopology;
  readonly sockets: readonly SocketPicture[];
  /** Nodes without CPUs, which are in no socket. */
  readonly memoryNodes: readonly NumaNode[];
  readonly typeOf: (core: Core) => CoreType;
}

function pictureCaches(topology: CpuTopology, cpus: CpuSet): CachePicture[] {
  const cores = topology.cores
    .map((core) => ({ ...core, cpus: core.cpus.intersection(cpus) }))
    .filter((core) => !core.cpus.isEmpty);
  const cacheOf = new Map(topology.cpus.map(({ cpu, l3Cache }) => [cpu, l3Cache]));
  return [...Map.groupBy(cores, (core) => cacheOf.get(core.cpus.first ?? 0))].map(([number, members]) => {
    const l3Cache = number === undefined ? undefined : topology.l3Caches[number];
    return { l3Cache, isShared: l3Cache !== undefined && !l3Cache.cpus.isSubsetOf(cpus), cores: members };
  });
}

/**
 * Puts a topology into boxes: sockets, in them NUMA nodes, in them level 3 caches, in them cores. A node over several sockets
 * or a cache over several nodes is drawn in each, and so are the threads of a core that firmware put into different nodes.
 */
export function pictureMachine(topology: CpuTopology): MachinePicture {
  const typeOfCpu = new Map(topology.cpus.map(({ cpu, coreType }) => [cpu, coreType]));
  return {
    topology,
    sockets: topology.sockets.map((socket) => ({
      socket,
      nodes: topology.numaNodes
        .map((node) => ({ node, cpus: node.cpus.intersection(socket.cpus) }))
        .filter(({ cpus }) => !cpus.isEmpty)
        .map(({ node, cpus }) => ({ node, caches: pictureCaches(topology, cpus) })),
    })),
    memoryNodes: topology.numaNodes.filter(({ cpus }) => cpus.isEmpty),
    typeOf: (core) => typeOfCpu.get(core.cpus.first ?? 0) ?? 'standard',
  };
}

/** "32 MiB", "1.5 MiB" or "512 KiB". */
export function formatSize(sizeKiB: number): string {
  return sizeKiB < 1024 ? `${sizeKiB} KiB` : `${Math.round((sizeKiB / 1024) * 10) / 10} MiB`;
}

/** "1 socket", "2 sockets". */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** One line about the whole machine. */
export function summarizeMachine({ online, sockets, cores, numaNodes, l3Caches }: CpuTopology): string {
  return [
    formatCount(online.size, 'CPU'),
    formatCount(cores.length, 'core'),
    formatCount(sockets.length, 'socket'),
    formatCount(numaNodes.length, 'NUMA node'),
    formatCount(l3Caches.length, 'L3 cache'),
  ].join(', ');
}
