import type { CpuSet } from '../../cpuset/cpu-set.ts';
import type { CpuTopology } from '../../topology/topology.ts';
import type { PlacementScore } from '../take-cpus.ts';

/** Scores a set of CPUs from the topology alone, the slow way. */
export function scoreSlowly(topology: CpuTopology, free: CpuSet, chosen: CpuSet): PlacementScore {
  const cpus = topology.cpus.filter(({ cpu }) => chosen.has(cpu));
  const distinct = (ids: (number | undefined)[]) => new Set(ids.filter((id) => id !== undefined)).size;
  const cores = new Set(cpus.map(({ core }) => core));
  const broken = [...cores].filter((core) => {
    const threads = topology.cpus.filter((cpu) => cpu.core === core);
    return threads.every(({ cpu }) => free.has(cpu)) && threads.some(({ cpu }) => !chosen.has(cpu));
  });
  return {
    sockets: distinct(cpus.map(({ socket }) => socket)),
    numaNodes: distinct(cpus.map(({ numaNode }) => numaNode)),
    l3Caches: distinct(cpus.map(({ l3Cache }) => l3Cache)),
    cores: cores.size,
    brokenCores: broken.length,
  };
}

/** Whether `a` is lower than `b` in one column and higher in none; with `spread`, more cores are better and broken ones do not count. */
function isBetter(a: PlacementScore, b: PlacementScore, spread: boolean): boolean {
  const differences = [
    a.sockets - b.sockets,
    a.numaNodes - b.numaNodes,
    a.l3Caches - b.l3Caches,
    spread ? b.cores - a.cores : a.cores - b.cores,
    spread ? 0 : a.brokenCores - b.brokenCores,
  ];
  return differences.every((difference) => difference <= 0) && differences.some((difference) => difference < 0);
}

function countBits(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

/** Tries every set of free CPUs of the same size; returns one whose score is better, if there is one. At most 20 CPUs may be free. */
export function findBetter(
  topology: CpuTopology,
  free: CpuSet,
  score: PlacementScore,
  { cpus, spread = false }: { cpus: number; spread?: boolean },
): { cpus: number[]; score: PlacementScore } | undefined {
  const rows = topology.cpus.filter(({ cpu }) => free.has(cpu));
  const wholeCores = topology.cores.filter((core) => core.cpus.isSubsetOf(free));
  const masks = wholeCores.map((core) =>
    rows.reduce((mask, { cpu }, i) => (core.cpus.has(cpu) ? mask | (1 << i) : mask), 0),
  );
  // Gosper's hack: the next higher number with the same count of bits.
  for (let set = 2 ** cpus - 1; set < 2 ** rows.length; ) {
    const other = scoreMask(rows, masks, set);
    if (isBetter(other, score, spread))
      return { cpus: rows.filter((_, i) => set & (1 << i)).map(({ cpu }) => cpu), score: other };
    const low = set & -set;
    const ripple = set + low;
    set = (((ripple ^ set) >>> 2) / low) | ripple;
  }
  return undefined;
}

function scoreMask(rows: CpuTopology['cpus'], wholeCoreMasks: readonly number[], set: number): PlacementScore {
  let sockets = 0;
  let nodes = 0;
  let l3s = 0;
  let cores = 0;
  for (const [i, row] of rows.entries()) {
    if ((set & (1 << i)) === 0) continue;
    sockets |= 1 << row.socket;
    nodes |= 1 << row.numaNode;
    if (row.l3Cache !== undefined) l3s |= 1 << row.l3Cache;
    cores |= 1 << row.core;
  }
  const brokenCores = wholeCoreMasks.filter((mask) => (set & mask) !== 0 && (set & mask) !== mask).length;
  return {
    sockets: countBits(sockets),
    numaNodes: countBits(nodes),
    l3Caches: countBits(l3s),
    cores: countBits(cores),
    brokenCores,
  };
}
