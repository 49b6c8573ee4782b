import { CpuSet } from '../../cpuset/cpu-set.ts';
import type { Cpu, CpuTopology } from '../../topology/topology.ts';

/** What the placement of a CPU depends on, in the form of the vectors' topologies.json. */
export type CpuRow = Pick<Cpu, 'cpu' | 'core' | 'socket' | 'numaNode'> &
  Partial<Pick<Cpu, 'l3Cache' | 'cluster' | 'coreType' | 'isolated'>>;

/** A topology of these CPUs. */
export function machineOf(rows: readonly CpuRow[], distances?: readonly (readonly number[])[]): CpuTopology {
  const setOf = (of: (row: CpuRow) => boolean) => CpuSet.from(rows.filter(of).map(({ cpu }) => cpu));
  const idsOf = (of: (row: CpuRow) => number | undefined) =>
    [...new Set(rows.flatMap((row) => of(row) ?? []))].sort((a, b) => a - b);
  return {
    cpus: rows.map((row) => ({
      coreType: 'standard',
      isolated: false,
      l3Cache: undefined,
      cluster: undefined,
      ...row,
      socketId: row.socket,
      die: undefined,
      coreId: row.core,
      siblings: setOf(({ core }) => core === row.core),
    })),
    sockets: idsOf(({ socket }) => socket).map((socket) => ({
      socket,
      socketId: socket,
      cpus: setOf((row) => row.socket === socket),
    })),
    cores: idsOf(({ core }) => core).map((core) => ({
      core,
      coreId: core,
      socket: rows.find((row) => row.core === core)?.socket ?? 0,
      cpus: setOf((row) => row.core === core),
    })),
    l3Caches: idsOf(({ l3Cache }) => l3Cache).map((l3Cache) => ({
      l3Cache,
      l3CacheId: l3Cache,
      cpus: setOf((row) => row.l3Cache === l3Cache),
      sizeKiB: undefined,
    })),
    numaNodes: idsOf(({ numaNode }) => numaNode).map((numaNode, i) => ({
      numaNode,
      cpus: setOf((row) => row.numaNode === numaNode),
      hasMemory: true,
      distances: distances?.[i],
    })),
    pcieRoots: [],
    online: setOf(() => true),
    offline: CpuSet.empty,
    isolated: setOf(({ isolated }) => isolated === true),
    nohzFull: CpuSet.empty,
    problems: [],
  };
}

/** The shape of a regular machine. */
export interface MachineShape {
  readonly sockets: number;
  readonly nodesPerSocket: number;
  readonly l3sPerNode: number;
  readonly coresPerL3: number;
  readonly threadsPerCore: number;
}

/** The CPUs of a regular machine, numbered as Linux does on x86: all first threads, then all second ones. */
export function regularRows(shape: MachineShape): CpuRow[] {
  const { sockets, nodesPerSocket, l3sPerNode, coresPerL3, threadsPerCore } = shape;
  const coresPerNode = l3sPerNode * coresPerL3;
  const cores = sockets * nodesPerSocket * coresPerNode;
  return Array.from({ length: cores * threadsPerCore }, (_, cpu) => {
    const core = cpu % cores;
    const numaNode = Math.floor(core / coresPerNode);
    const socket = Math.floor(numaNode / nodesPerSocket);
    return { cpu, core, socket, numaNode, l3Cache: Math.floor(core / coresPerL3) };
  });
}
