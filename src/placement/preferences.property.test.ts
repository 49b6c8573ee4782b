import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { CpuSet } from '../cpuset/cpu-set.ts';
import type { Cpu, CpuTopology } from '../topology/topology.ts';
import { type Placement, PlacementError, type PlacementPolicy, takeCpus } from './take-cpus.ts';
import { smallMachines } from './testing/arbitrary.ts';
import { chooseEvery, createCounter, isBetter, type SlowColumns } from './testing/brute-force.ts';

/** How many random cases each property tries: few in `make check`, PLACEMENT_CASES=100000 for the long run. */
const numRuns = Number(process.env['PLACEMENT_CASES'] ?? 200);

/** A request that prefers CPUs. */
interface PreferringRequest {
  readonly topology: CpuTopology;
  readonly free: CpuSet;
  readonly cpus: number;
  readonly near: CpuSet;
}

/** Machines with a preference for some of their cores: those near to something. */
const requests: fc.Arbitrary<PreferringRequest> = smallMachines(11)
  .filter(({ free }) => free.size > 0)
  .chain((machine) =>
    fc.record({
      topology: fc.constant(machine.topology),
      free: fc.constant(machine.free),
      cpus: fc.integer({ min: 1, max: machine.free.size }),
      near: fc
        .subarray([...machine.topology.cores], { minLength: 1 })
        .map((cores) => CpuSet.unionOf(cores.map(({ cpus }) => cpus))),
    }),
  );

function tryTake({ topology, ...request }: PreferringRequest, policy: PlacementPolicy): Placement | undefined {
  try {
    return takeCpus(topology, { ...request, policy });
  } catch (error) {
    if (error instanceof PlacementError) return undefined;
    throw error;
  }
}

/** What counts of a set of CPUs: its columns, how many are near, and how far the others are from these. */
interface Judged {
  readonly columns: SlowColumns;
  readonly near: number;
  readonly distance: number;
  /** CPUs of cores that are not wholly free: those are taken last one by one. */
  readonly disturbed: number;
}

/**
 * How far a CPU is from the near ones: the distance of its NUMA node from the nearest that has any, by the kernel or as firmware
 * commonly has it, and of equal distances the same socket first.
 */
function measure({ topology, near }: PreferringRequest, { cpu, numaNode, socket }: Cpu): number {
  if (near.has(cpu)) return 0;
  const { numaNodes, sockets } = topology;
  const isInSocket = sockets.some((one) => one.socket === socket && one.cpus.intersects(near));
  const isInNode = numaNodes.some((one) => one.numaNode === numaNode && one.cpus.intersects(near));
  const row = numaNodes.find((node) => node.numaNode === numaNode)?.distances;
  const known = numaNodes.flatMap(({ cpus }, at) => (cpus.intersects(near) && row ? (row[at] ?? []) : []));
  const distance = Math.min(...(known.length > 0 ? known : [isInNode ? 10 : isInSocket ? 12 : 21]));
  return 2 * distance + (isInSocket ? 0 : 1);
}

function createJudge(request: PreferringRequest) {
  const { topology, free, near } = request;
  const rows = topology.cpus.filter(({ cpu }) => free.has(cpu));
  const distances = rows.map((cpu) => measure(request, cpu));
  const isWhole = rows.map(({ siblings }) => siblings.isSubsetOf(free));
  const count = createCounter(topology, free);
  return (set: number): Judged => {
    const chosen = rows.map((_, i) => i).filter((i) => set & (1 << i));
    return {
      columns: count(set),
      near: chosen.filter((i) => near.has(rows[i]?.cpu ?? -1)).length,
      distance: chosen.reduce((sum, i) => sum + (distances[i] ?? 0), 0),
      disturbed: chosen.filter((i) => !isWhole[i]).length,
    };
  };
}

/** Whether `a` is better in one respect and worse in none. */
function dominates(a: Judged, b: Judged, spread: boolean): boolean {
  if (a.near < b.near || a.distance > b.distance) return false;
  const isMorePreferred = a.near > b.near || a.distance < b.distance;
  // Columns that are equal are not better: with one lowered the same columns would be.
  const isNoWorse = isBetter(a.columns, { ...b.columns, sockets: b.columns.sockets + 1 }, spread);
  return isMorePreferred ? isNoWorse && a.columns.sockets <= b.columns.sockets : isBetter(a.columns, b.columns, spread);
}

/** Whether a set of CPUs has the shape that the policy demands; broken cores are those that are not wholly taken. */
function hasShape({ topology, free }: PreferringRequest, policy: PlacementPolicy, set: number, columns: SlowColumns) {
  if (policy === 'single-l3') return columns.l3Caches === 1;
  if (policy === 'single-numa-node') return columns.numaNodes === 1;
  if (policy === 'single-socket') return columns.sockets === 1;
  if (policy === 'one-thread-per-core') {
    const chosen = topology.cpus.filter(({ cpu }) => free.has(cpu)).filter((_, i) => set & (1 << i));
    return columns.cores === chosen.length;
  }
  if (policy !== 'full-cores') return true;
  const chosen = CpuSet.from(
    topology.cpus.filter(({ cpu }) => free.has(cpu)).flatMap(({ cpu }, i) => (set & (1 << i) ? [cpu] : [])),
  );
  return topology.cores.every(({ cpus }) => !cpus.intersects(chosen) || cpus.isSubsetOf(chosen));
}

/** A set that dominates the placement, if there is one. */
function findDominating(request: PreferringRequest, policy: PlacementPolicy, placement: Placement) {
  const ids = request.topology.cpus.filter(({ cpu }) => request.free.has(cpu)).map(({ cpu }) => cpu);
  const judge = createJudge(request);
  const own = judge(ids.reduce((set, cpu, i) => (placement.cpus.has(cpu) ? set | (1 << i) : set), 0));
  const spread = policy === 'spread' || policy === 'one-thread-per-core';
  for (const set of chooseEvery(ids.length, request.cpus)) {
    const other = judge(set);
    if (policy === 'one-thread-per-core' && other.disturbed > own.disturbed) continue;
    if (dominates(other, own, spread) && hasShape(request, policy, set, other.columns)) {
      return { cpus: `${CpuSet.from(ids.filter((_, i) => set & (1 << i)))}`, other, own };
    }
  }
  return undefined;
}

function describeRequest({ topology, free, cpus, near }: PreferringRequest): string {
  const rows = topology.cpus.map(({ cpu, core, cluster, l3Cache, numaNode, socket }) =>
    [cpu, core, cluster, l3Cache, numaNode, socket].join('/'),
  );
  const distances = topology.numaNodes.map(({ distances }) => distances?.join(' ')).join(', ');
  return `${cpus} of ${free} near ${near} on ${rows.join(' ')} (cpu/core/cluster/L3/node/socket), distances ${distances}`;
}

describe('takeCpus near preferred CPUs, on random small machines', () => {
  for (const policy of [
    'packed',
    'packed-no-l3',
    'spread',
    'full-cores',
    'one-thread-per-core',
    'single-l3',
    'single-numa-node',
    'single-socket',
  ] as const) {
    test(`${policy} is never beaten by CPUs that are nearer or more of the preferred ones and score as well`, () => {
      let mixed = 0;
      fc.assert(
        fc.property(requests, (request) => {
          const placement = tryTake(request, policy);
          assert.equal(placement === undefined, tryTake({ ...request, near: CpuSet.empty }, policy) === undefined);
          if (!placement) return;
          const near = placement.cpus.intersection(request.near).size;
          assert.equal(placement.preferred, near);
          mixed += near > 0 && near < request.cpus ? 1 : 0;
          const better = findDominating(request, policy, placement);
          assert.equal(
            better,
            undefined,
            `${describeRequest(request)}: took ${placement.cpus}, better ${JSON.stringify(better)}`,
          );
        }),
        { numRuns },
      );
      assert.ok(mixed > 0, 'no choice took some of the preferred CPUs and others');
    });
  }

  for (const policy of ['packed', 'packed-no-l3', 'spread'] as const) {
    test(`${policy} takes preferred CPUs alone where they suffice, else touches no more sockets or NUMA nodes for them`, () => {
      fc.assert(
        fc.property(requests, (request) => {
          const { cpus, score } = takeCpus(request.topology, { ...request, policy });
          const near = request.near.intersection(request.free);
          if (near.size >= request.cpus) assert.ok(cpus.isSubsetOf(near));
          else {
            const plain = takeCpus(request.topology, { free: request.free, cpus: request.cpus, policy });
            assert.ok(score.sockets <= plain.score.sockets && score.numaNodes <= plain.score.numaNodes);
          }
        }),
        { numRuns },
      );
    });
  }

  test('distributed takes as many preferred CPUs, and others as near, as the same even shares of as many NUMA nodes allow', () => {
    let shared = 0;
    fc.assert(
      fc.property(requests, (request) => {
        const { topology, free, cpus } = request;
        const placement = takeCpus(topology, { ...request, policy: 'distributed' });
        const shares = placement.rule.kind === 'even-shares' ? [...placement.rule.shares.values()] : [];
        const isSoft = request.near.intersection(free).size < cpus;
        if (new Set(shares).size !== 1 || !isSoft) return;
        shared += shares.length > 1 ? 1 : 0;
        const plain = takeCpus(topology, { free, cpus, policy: 'distributed' });
        assert.ok(placement.score.sockets <= plain.score.sockets);
        const rows = topology.cpus.filter(({ cpu }) => free.has(cpu));
        const judge = createJudge(request);
        const own = judge(rows.reduce((set, { cpu }, i) => (placement.cpus.has(cpu) ? set | (1 << i) : set), 0));
        for (const set of chooseEvery(rows.length, cpus)) {
          const nodes = Map.groupBy(
            rows.filter((_, i) => set & (1 << i)),
            ({ numaNode }) => numaNode,
          );
          if (nodes.size !== shares.length || [...nodes.values()].some(({ length }) => length !== shares[0])) continue;
          const other = judge(set);
          if (other.columns.sockets > plain.score.sockets) continue;
          const isMore = other.near > own.near || (other.near === own.near && other.distance < own.distance);
          assert.ok(!isMore, `${describeRequest(request)}: took ${placement.cpus}, better ${JSON.stringify(other)}`);
        }
      }),
      { numRuns },
    );
    assert.ok(shared > 0, 'no request was shared by several nodes');
  });
});
