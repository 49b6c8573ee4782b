import type { CpuSet } from '../../cpuset/cpu-set.ts';
import type { Cpu, CpuTopology } from '../../topology/topology.ts';
import type { PlacementScore } from '../take-cpus.ts';

/** The columns of the score from the topology alone, the slow way; what the kernel does not report is 0. */
export interface SlowColumns {
  readonly sockets: number;
  readonly numaNodes: number;
  readonly l3Caches: number;
  readonly clusters: number;
  readonly cores: number;
  readonly brokenCores: number;
  /** Of each two NUMA nodes in both directions, added up. */
  readonly distance: number;
}

function countDistinct(ids: readonly (number | undefined)[]): number {
  return new Set(ids.filter((id) => id !== undefined)).size;
}

function sumDistances({ numaNodes }: CpuTopology, used: ReadonlySet<number>): number {
  const rows = numaNodes.map(({ numaNode, distances }) => ({ numaNode, distances }));
  return rows
    .filter(({ numaNode }) => used.has(numaNode))
    .flatMap(({ numaNode, distances }) =>
      rows.flatMap((other, at) =>
        other.numaNode !== numaNode && used.has(other.numaNode) ? (distances?.[at] ?? 0) : [],
      ),
    )
    .reduce((sum, distance) => sum + distance, 0);
}

function countBroken({ cores }: CpuTopology, free: CpuSet, chosen: CpuSet): number {
  return cores.filter(({ cpus }) => cpus.intersects(chosen) && cpus.isSubsetOf(free) && !cpus.isSubsetOf(chosen))
    .length;
}

/** What a set of CPUs touches. */
export function countSlowly(topology: CpuTopology, free: CpuSet, chosen: CpuSet): SlowColumns {
  const cpus = topology.cpus.filter(({ cpu }) => chosen.has(cpu));
  return {
    sockets: countDistinct(cpus.map(({ socket }) => socket)),
    numaNodes: countDistinct(cpus.map(({ numaNode }) => numaNode)),
    l3Caches: countDistinct(cpus.map(({ l3Cache }) => l3Cache)),
    clusters: countDistinct(cpus.map(({ cluster }) => cluster)),
    cores: countDistinct(cpus.map(({ core }) => core)),
    brokenCores: countBroken(topology, free, chosen),
    distance: sumDistances(topology, new Set(cpus.map(({ numaNode }) => numaNode))),
  };
}

/** The score of a set of CPUs as it is published. */
export function scoreSlowly(topology: CpuTopology, free: CpuSet, chosen: CpuSet): PlacementScore {
  const { clusters, distance, ...score } = countSlowly(topology, free, chosen);
  const isUsed = ({ cpu, cluster }: Cpu) => chosen.has(cpu) && cluster !== undefined;
  const touched = new Set(topology.cpus.filter(isUsed).map(({ cluster }) => cluster));
  const shared = new Set(topology.cpus.filter(({ cpu }) => !free.has(cpu)).map(({ cluster }) => cluster));
  const pairs = score.numaNodes * (score.numaNodes - 1);
  return {
    ...score,
    ...(distance > 0 && { distance: Math.round((distance / pairs) * 10) / 10 }),
    ...(clusters > 0 && { clusters, sharedClusters: [...touched].filter((cluster) => shared.has(cluster)).length }),
  };
}

/** Whether `a` is lower than `b` in one column and higher in none; with `spread`, more cores are better and broken ones do not count. */
export function isBetter(a: SlowColumns, b: SlowColumns, spread: boolean): boolean {
  const differences = [
    a.sockets - b.sockets,
    a.numaNodes - b.numaNodes,
    a.l3Caches - b.l3Caches,
    a.clusters - b.clusters,
    spread ? b.cores - a.cores : a.cores - b.cores,
    spread ? 0 : a.brokenCores - b.brokenCores,
    a.distance - b.distance,
  ];
  return differences.every((difference) => difference <= 0) && differences.some((difference) => difference < 0);
}

function countBits(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

/** A function that counts the columns of a set of the free CPUs: bit `i` is the `i`-th of them. At most 20 may be free. */
export function createCounter(topology: CpuTopology, free: CpuSet): (set: number) => SlowColumns {
  const rows = topology.cpus.filter(({ cpu }) => free.has(cpu));
  const numberOf = (ids: readonly (number | undefined)[]) => {
    const numbers = new Map([...new Set(ids)].map((id, number) => [id, number]));
    return ids.map((id) => (id === undefined ? 0 : 1 << (numbers.get(id) ?? 0)));
  };
  const bits = [
    numberOf(rows.map(({ socket }) => socket)),
    numberOf(rows.map(({ numaNode }) => numaNode)),
    numberOf(rows.map(({ l3Cache }) => l3Cache)),
    numberOf(rows.map(({ cluster }) => cluster)),
    numberOf(rows.map(({ core }) => core)),
  ];
  const wholeCores = topology.cores
    .filter((core) => core.cpus.isSubsetOf(free))
    .map((core) => rows.reduce((mask, { cpu }, i) => (core.cpus.has(cpu) ? mask | (1 << i) : mask), 0));
  const distances = new Map<string, number>();
  const distanceOf = (set: number) => {
    const used = new Set(rows.filter((_, i) => set & (1 << i)).map(({ numaNode }) => numaNode));
    const key = [...used].join();
    const distance = distances.get(key) ?? sumDistances(topology, used);
    distances.set(key, distance);
    return distance;
  };
  const hasDistances = topology.numaNodes.some(({ distances }) => distances !== undefined);
  return (set) => {
    const [sockets = 0, numaNodes = 0, l3Caches = 0, clusters = 0, cores = 0] = bits.map((bitsOf) =>
      countBits(bitsOf.reduce((mask, bit, i) => (set & (1 << i) ? mask | bit : mask), 0)),
    );
    const brokenCores = wholeCores.filter((mask) => (set & mask) !== 0 && (set & mask) !== mask).length;
    const distance = hasDistances && numaNodes > 1 ? distanceOf(set) : 0;
    return { sockets, numaNodes, l3Caches, clusters, cores, brokenCores, distance };
  };
}

/** Every set of `count` of `total` things as bits. */
export function* chooseEvery(total: number, count: number): Generator<number> {
  // Gosper's hack: the next higher number with the same count of bits.
  for (let set = 2 ** count - 1; set < 2 ** total; ) {
    yield set;
    const low = set & -set;
    const ripple = set + low;
    set = (((ripple ^ set) >>> 2) / low) | ripple;
  }
}

/** Tries every set of free CPUs of the same size; returns one that is better than the columns, if there is one. */
export function findBetter(
  topology: CpuTopology,
  free: CpuSet,
  columns: SlowColumns,
  { cpus, spread = false }: { cpus: number; spread?: boolean },
): { cpus: number[]; columns: SlowColumns } | undefined {
  const count = createCounter(topology, free);
  const ids = topology.cpus.filter(({ cpu }) => free.has(cpu)).map(({ cpu }) => cpu);
  for (const set of chooseEvery(ids.length, cpus)) {
    const other = count(set);
    if (isBetter(other, columns, spread)) return { cpus: ids.filter((_, i) => set & (1 << i)), columns: other };
  }
  return undefined;
}
