import { CpuSet } from '../cpuset/cpu-set.ts';
import { buildTopology } from './build-topology.ts';
import type { CpuGroup } from './facts.ts';
import type { CpuTopology, NumaNode } from './topology.ts';

/**
 * How a machine deals out CPU numbers, cores in the blueprint's order: `threads-last` gives every core's first thread a
 * number, then every second thread (x86 servers); `threads-adjacent` numbers the threads of a core one after the other (POWER,
 * client hybrids); `round-robin` is `threads-last` with neighbouring numbers on different NUMA nodes (some OEM firmware).
 */
export type CpuNumbering = 'threads-last' | 'threads-adjacent' | 'round-robin';

/** One core to build. Numbers name groups: cores with the same `socket` are in one socket. */
export interface CoreBlueprint {
  readonly socket: number;
  /** Unique in the whole machine, as are `cluster`, `l3Cache` and `numaNode`. */
  readonly die?: number;
  readonly cluster?: number;
  readonly l3Cache?: number;
  readonly numaNode: number;
  readonly threads: number;
  readonly coreId: number;
  readonly isEfficient?: boolean;
}

/** A machine to build. */
export interface MachineBlueprint {
  readonly cores: readonly CoreBlueprint[];
  readonly numbering: CpuNumbering;
  readonly l3SizeKiB?: number;
  /** NUMA nodes without CPUs. */
  readonly memoryNodes?: readonly number[];
  /** SLIT distance to another socket's nodes; common firmware says 21, that of AMD EPYC 32. */
  readonly remoteDistance?: number;
}

/** SLIT distances as common firmware gives them: own node, same socket, other socket or memory only. */
const DISTANCE = { local: 10, socket: 12, remote: 21 } as const;

/** Cores with their CPUs. */
interface NumberedCore extends CoreBlueprint {
  readonly cpus: CpuSet;
}

/** The cores in the order in which their first threads are numbered. */
function orderCores(cores: readonly CoreBlueprint[], numbering: CpuNumbering): CoreBlueprint[] {
  if (numbering !== 'round-robin') return [...cores];
  const rankInNode = new Map<number, number>();
  const ranked = cores.map((core) => {
    const rank = rankInNode.get(core.numaNode) ?? 0;
    rankInNode.set(core.numaNode, rank + 1);
    return { core, rank };
  });
  return ranked.sort((a, b) => a.rank - b.rank || a.core.numaNode - b.core.numaNode).map(({ core }) => core);
}

function numberCores(cores: readonly CoreBlueprint[], numbering: CpuNumbering): NumberedCore[] {
  const ordered = orderCores(cores, numbering);
  const cpus = ordered.map((): number[] => []);
  let next = 0;
  if (numbering === 'threads-adjacent') {
    for (const [i, core] of ordered.entries()) for (let t = 0; t < core.threads; t += 1) cpus[i]?.push(next++);
  } else {
    const threadsMax = ordered.reduce((most, { threads }) => Math.max(most, threads), 0);
    for (let t = 0; t < threadsMax; t += 1) {
      for (const [i, core] of ordered.entries()) if (t < core.threads) cpus[i]?.push(next++);
    }
  }
  return ordered.map((core, i) => ({ ...core, cpus: CpuSet.from(cpus[i] ?? []) }));
}

/** The groups of cores that have the same number; cores without one are in none. */
function groupCores(cores: readonly NumberedCore[], numberOf: (core: NumberedCore) => number | undefined): CpuGroup[] {
  return [...Map.groupBy(cores, numberOf)].flatMap(([id, members]) =>
    id === undefined ? [] : [{ id, cpus: CpuSet.unionOf(members.map(({ cpus }) => cpus)) }],
  );
}

function buildNodes(
  cores: readonly NumberedCore[],
  { memoryNodes = [], remoteDistance = DISTANCE.remote }: MachineBlueprint,
): NumaNode[] {
  const groups = groupCores(cores, ({ numaNode }) => numaNode);
  const socketsOf = new Map<number, Set<number>>();
  for (const { numaNode, socket } of cores) {
    socketsOf.set(numaNode, (socketsOf.get(numaNode) ?? new Set()).add(socket));
  }
  const ids = [...groups.flatMap(({ id }) => id ?? []), ...memoryNodes].sort((a, b) => a - b);
  const distance = (from: number, to: number) => {
    if (from === to) return DISTANCE.local;
    const [a, b] = [socketsOf.get(from), socketsOf.get(to)];
    return a && b && [...a].some((socket) => b.has(socket)) ? DISTANCE.socket : remoteDistance;
  };
  return ids.map((numaNode) => ({
    numaNode,
    cpus: groups.find(({ id }) => id === numaNode)?.cpus ?? CpuSet.empty,
    hasMemory: true,
    distances: ids.map((other) => distance(numaNode, other)),
  }));
}

/** One PCIe root for each node with CPUs, sixteen buses apart as with common firmware. */
function buildPcieRoots(nodes: readonly NumaNode[]) {
  return nodes
    .filter(({ cpus }) => !cpus.isEmpty)
    .map(({ numaNode, cpus }, i) => {
      const domain = (i >> 4).toString(16).padStart(4, '0');
      const bus = ((i & 15) << 4).toString(16).padStart(2, '0');
      return { pcieRoot: `pci${domain}:${bus}`, cpus, numaNode };
    });
}

/** Builds the topology of a machine that is only described. All its CPUs are online and none is isolated. */
export function buildMachine(blueprint: MachineBlueprint): CpuTopology {
  const cores = numberCores(blueprint.cores, blueprint.numbering);
  const online = CpuSet.unionOf(cores.map(({ cpus }) => cpus));
  const numaNodes = buildNodes(cores, blueprint);
  const efficient = cores.filter(({ isEfficient }) => isEfficient);
  return buildTopology({
    online,
    offline: CpuSet.empty,
    isolated: CpuSet.empty,
    nohzFull: CpuSet.empty,
    sockets: groupCores(cores, ({ socket }) => socket),
    dies: groupCores(cores, ({ die }) => die),
    clusters: groupCores(cores, ({ cluster }) => cluster),
    cores: cores.map(({ cpus, coreId }) => ({ cpus, id: coreId })),
    l3Caches: groupCores(cores, ({ l3Cache }) => l3Cache).map((group) => ({
      ...group,
      sizeKiB: blueprint.l3SizeKiB,
    })),
    numaNodes,
    eCores: efficient.length === 0 ? undefined : CpuSet.unionOf(efficient.map(({ cpus }) => cpus)),
    pcieRoots: buildPcieRoots(numaNodes),
    problems: [],
  });
}
