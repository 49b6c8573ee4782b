import * as fc from 'fast-check';
import { CpuSet } from '../../cpuset/cpu-set.ts';
import type { CpuTopology } from '../../topology/topology.ts';
import { type CpuRow, machineOf } from './machines.ts';

/** A random small machine with some of its CPUs free. */
export interface SmallMachine {
  readonly topology: CpuTopology;
  readonly free: CpuSet;
}

/** Threads of each core of each L3 of each node of each socket. */
type Shape = readonly (readonly (readonly (readonly number[])[])[])[];

/** How the threads get their numbers: second threads after all first ones, or next to each other. */
type NumberingScheme = 'threads-last' | 'threads-adjacent';

function numberCpus(shape: Shape, scheme: NumberingScheme, threadsMax: number): CpuRow[] {
  const rows: (CpuRow & { l3Cache: number; thread: number })[] = [];
  let numaNode = 0;
  let l3Cache = 0;
  let core = 0;
  for (const [socket, nodes] of shape.entries()) {
    for (const l3s of nodes) {
      for (const cores of l3s) {
        for (const threads of cores) {
          for (let thread = 0; thread < threads; thread += 1) {
            const coreType = threadsMax > 1 && threads === 1 ? 'e-core' : 'p-core';
            rows.push({ cpu: 0, core, socket, numaNode, l3Cache, coreType, thread });
          }
          core += 1;
        }
        l3Cache += 1;
      }
      numaNode += 1;
    }
  }
  const order = (row: { thread: number; core: number }) =>
    scheme === 'threads-last' ? row.thread * core + row.core : row.core * threadsMax + row.thread;
  rows.sort((a, b) => order(a) - order(b));
  return rows.map(({ core, socket, numaNode, l3Cache, coreType }, cpu) => ({
    cpu,
    core,
    socket,
    numaNode,
    l3Cache,
    coreType,
  }));
}

/** What firmware may add to the shape of a machine. */
interface Extras {
  readonly l3PerSocket: boolean;
  /** How many neighbouring cores of an L3 share a level 2 cache; 0: the kernel reports none. */
  readonly coresPerCluster: number;
  /** Distances between nodes row by row; undefined where the kernel gives none. */
  readonly distances: readonly number[] | undefined;
}

const extras: fc.Arbitrary<Extras> = fc.record({
  l3PerSocket: fc.boolean(),
  coresPerCluster: fc.constantFrom(0, 0, 1, 2, 2, 3),
  distances: fc.option(fc.array(fc.constantFrom(12, 16, 21, 32), { minLength: 16, maxLength: 16 }), { nil: undefined }),
});

function buildMachine(rows: readonly CpuRow[], { l3PerSocket, coresPerCluster, distances }: Extras): CpuTopology {
  const firstCores = new Map<number | undefined, number>();
  for (const { core, l3Cache } of rows) firstCores.set(l3Cache, Math.min(core, firstCores.get(l3Cache) ?? core));
  const clusterOf = ({ core, l3Cache }: CpuRow) => {
    const first = firstCores.get(l3Cache) ?? 0;
    return first + Math.floor((core - first) / coresPerCluster) * coresPerCluster;
  };
  const nodes = [...new Set(rows.map(({ numaNode }) => numaNode))];
  const slit = distances && nodes.map((a) => nodes.map((b) => (a === b ? 10 : (distances[4 * a + b] ?? 12))));
  const detailed = rows.map((row) => ({
    ...row,
    ...(coresPerCluster > 0 && { cluster: clusterOf(row) }),
    ...(l3PerSocket && { l3Cache: row.socket }),
  }));
  return machineOf(detailed, slit);
}

/**
 * Machines of up to two sockets, two nodes a socket, two L3 caches a node or one a socket, and three cores a cache: all cores
 * alike, or hybrid, or some with an offline thread; with or without level 2 caches that cores share and distances between nodes, which
 * may differ from one direction to the other. At most `freeMax` CPUs are free.
 */
export function smallMachines(freeMax: number): fc.Arbitrary<SmallMachine> {
  return fc.constantFrom(1, 2, 2, 2, 4).chain((threadsMax) => {
    const threads = fc.oneof(
      { weight: 4, arbitrary: fc.constant(threadsMax) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: threadsMax }) },
    );
    const cores = fc.array(threads, { minLength: 1, maxLength: 3 });
    const l3s = fc.array(cores, { minLength: 1, maxLength: 2 });
    const nodes = fc.array(l3s, { minLength: 1, maxLength: 2 });
    const shape = fc.array(nodes, { minLength: 1, maxLength: 2 });
    const scheme = fc.constantFrom<NumberingScheme>('threads-last', 'threads-adjacent');
    return fc
      .tuple(
        fc.record({ shape, scheme, extras }),
        fc.array(fc.boolean(), { minLength: 48, maxLength: 48 }),
        fc.boolean(),
      )
      .map(([{ shape, scheme, extras }, picks, all]) => {
        const topology = buildMachine(numberCpus(shape, scheme, threadsMax), extras);
        const free = topology.online.toArray().filter((_, i) => all || picks[i] === true);
        return { topology, free: CpuSet.from(free.slice(0, freeMax)) };
      });
  });
}
