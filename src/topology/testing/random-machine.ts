import * as fc from 'fast-check';
import { buildMachine, type CoreBlueprint } from '../blueprint.ts';
import type { CpuTopology } from '../topology.ts';

/** How large the groups of a machine are, and which kinds there are. */
interface MachineShape {
  readonly sockets: number;
  readonly diesPerSocket: number | undefined;
  readonly nodesPerSocket: number;
  readonly cachesPerNode: number | undefined;
  /** Threads of each core of a cache's share of cores. */
  readonly threads: readonly number[];
  readonly isClustered: boolean;
}

function listCores(shape: MachineShape): CoreBlueprint[] {
  const { sockets, diesPerSocket = 0, nodesPerSocket, cachesPerNode = 0, threads, isClustered } = shape;
  const cores: CoreBlueprint[] = [];
  const threadsMax = Math.max(...threads);
  for (let socket = 0; socket < sockets; socket += 1) {
    const perNode = Math.max(cachesPerNode, 1) * threads.length;
    for (let coreId = 0; coreId < nodesPerSocket * perNode; coreId += 1) {
      const numaNode = socket * nodesPerSocket + Math.floor(coreId / perNode);
      const group = socket * nodesPerSocket * perNode + coreId;
      cores.push({
        socket,
        numaNode,
        coreId,
        threads: threads[coreId % threads.length] ?? 1,
        ...(diesPerSocket > 0 && { die: socket * diesPerSocket + (coreId % diesPerSocket) }),
        ...(cachesPerNode > 0 && { l3Cache: Math.floor(group / threads.length) }),
        ...(isClustered && { cluster: socket * 1000 + Math.floor(coreId / 2) }),
        isEfficient: threadsMax > 1 && threads[coreId % threads.length] === 1,
      });
    }
  }
  return cores;
}

/** Machines of one to a few hundred CPUs: with and without dies, clusters, caches, SMT and efficiency cores. */
export const randomMachine: fc.Arbitrary<CpuTopology> = fc
  .record({
    shape: fc.record({
      sockets: fc.integer({ min: 1, max: 4 }),
      diesPerSocket: fc.constantFrom(undefined, 1, 2),
      nodesPerSocket: fc.integer({ min: 1, max: 3 }),
      cachesPerNode: fc.constantFrom(undefined, 1, 2, 3),
      threads: fc.array(fc.constantFrom(1, 2, 4, 8), { minLength: 1, maxLength: 4 }),
      isClustered: fc.boolean(),
    }),
    numbering: fc.constantFrom('threads-last', 'threads-adjacent', 'round-robin'),
    l3SizeKiB: fc.constantFrom(undefined, 16_384, 36_608),
    memoryNodes: fc.integer({ min: 0, max: 2 }),
  })
  .map(({ shape, numbering, l3SizeKiB, memoryNodes }) =>
    buildMachine({
      cores: listCores(shape),
      numbering,
      ...(l3SizeKiB !== undefined && { l3SizeKiB }),
      memoryNodes: Array.from({ length: memoryNodes }, (_, i) => 100 + 7 * i),
    }),
  );
