import type { Cpu, CpuTopology } from '../../topology/topology.ts';
import { commit, version } from '../../lib/version.ts';

/** The version of the report's layout, the reference's; keys may be added under it. */
const LAYOUT_VERSION = 'v1';

/** What stands for a number that is not known; the reference has no other way to say it. */
const UNKNOWN = -1;

function describeCpu(cpu: Cpu, { numaNodes, l3Caches }: CpuTopology): object {
  const others = cpu.siblings.toArray().filter((sibling) => sibling !== cpu.cpu);
  const l3Cache = cpu.l3Cache === undefined ? undefined : l3Caches[cpu.l3Cache];
  return {
    cpuID: cpu.cpu,
    coreID: cpu.coreId ?? UNKNOWN,
    socketID: cpu.socketId ?? UNKNOWN,
    clusterID: cpu.cluster ?? UNKNOWN,
    numaNodeID: cpu.numaNode,
    numaNodeCPUSet: numaNodes.find(({ numaNode }) => numaNode === cpu.numaNode)?.cpus.toString() ?? '',
    sibling: others[0] ?? UNKNOWN,
    coreType: cpu.coreType,
    uncoreCacheID: l3Cache ? (l3Cache.l3CacheId ?? l3Cache.l3Cache) : UNKNOWN,
  };
}

function summarize({ cpus, cores, l3Caches, sockets, numaNodes }: CpuTopology): object {
  return {
    numCPUs: cpus.length,
    numCores: cores.length,
    numUncoreCache: l3Caches.length,
    numSockets: sockets.length,
    numNUMANodes: numaNodes.length,
    smtEnabled: cores.some(({ cpus: threads }) => threads.size > 1),
  };
}

/**
 * The report on a node. Its first four keys have the names and meaning of the reference's (kubernetes-sigs/dra-driver-cpu at
 * de98098, internal/gatherinfo), so that whatever reads its reports reads these; what else was gathered follows.
 */
export function createReport(
  topology: CpuTopology | undefined,
  driverConfig: Readonly<Record<string, unknown>>,
  gathered: Readonly<Record<string, unknown>>,
): object {
  return {
    toolVersion: { vcsRevision: commit, version, nodeVersion: process.version },
    layoutVersion: LAYOUT_VERSION,
    cpuDetails: topology
      ? { topology: summarize(topology), cpus: topology.cpus.map((cpu) => describeCpu(cpu, topology)) }
      : {},
    driverConfig,
    ...gathered,
  };
}
