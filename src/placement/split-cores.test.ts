import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { parseCpuList } from '../cpuset/parse.ts';
import { checkCpus } from './check-cpus.ts';
import { explainPlacement } from './explain.ts';
import { PLACEMENT_POLICIES, PlacementError, type PlacementPolicy, takeCpus } from './take-cpus.ts';
import { smallMachines } from './testing/arbitrary.ts';
import { scoreSlowly } from './testing/brute-force.ts';
import { machineOf } from './testing/machines.ts';

/** Two sockets of four cores with two threads; even threads are in NUMA node 0, odd ones in node 1. */
const machine = machineOf(
  Array.from({ length: 16 }, (_, cpu) => ({
    cpu,
    core: cpu >> 1,
    socket: cpu >> 3,
    numaNode: cpu & 1,
    l3Cache: cpu >> 3,
  })),
  [
    [10, 20],
    [20, 10],
  ],
);
const [even, odd] = [0, 1].map((numaNode) =>
  CpuSet.from(machine.cpus.filter((cpu) => cpu.numaNode === numaNode).map(({ cpu }) => cpu)),
);

function take(cpus: number, policy: PlacementPolicy, taken = '') {
  return takeCpus(machine, { free: machine.online.difference(parseCpuList(taken)), cpus, policy });
}

describe('takeCpus where the threads of a core are in different NUMA nodes', () => {
  test('single-numa-node takes CPUs of one node', () => {
    for (const [taken, node] of [
      ['', even],
      ['0', odd],
    ] as const) {
      const { cpus, score } = take(8, 'single-numa-node', taken);
      assert.ok(node && cpus.equals(node), `${cpus}`);
      assert.deepEqual([score.numaNodes, score.cores, score.sockets], [1, 8, 2]);
    }
  });

  test('single-numa-node refuses what no node has, and takes every CPU that one has', () => {
    assert.throws(
      () => take(9, 'single-numa-node'),
      (error) => error instanceof PlacementError && /the one with the most has 8/.test(error.message),
    );
    assert.equal(`${take(3, 'single-numa-node', '0-10').cpus}`, '11,13,15');
  });

  test('distributed gives each node its share', () => {
    const { cpus, rule } = takeCpus(machine, { free: machine.online, cpus: 8, policy: 'distributed', nodes: 2 });
    assert.ok(even && odd);
    assert.deepEqual([cpus.intersection(even).size, cpus.intersection(odd).size], [4, 4]);
    assert.deepEqual(rule.kind === 'even-shares' && [...rule.shares.values()], [4, 4]);
  });

  test('full-cores takes whole cores, and the score counts the nodes of all of their threads', () => {
    const { cpus, score } = take(4, 'full-cores', '0');
    assert.equal(`${cpus}`, '2-5');
    assert.deepEqual([score.numaNodes, score.cores, score.brokenCores, score.distance], [2, 2, 0, 20]);
  });

  test('one-thread-per-core and spread take each CPU of another core', () => {
    assert.equal(take(8, 'one-thread-per-core').score.cores, 8);
    assert.equal(take(4, 'spread').score.cores, 4);
    assert.equal(take(4, 'spread', '0,3,8-15').score.cores, 4);
  });

  test('packed keeps to one node where that needs no more sockets', () => {
    const { cpus, score } = take(4, 'packed');
    assert.deepEqual([`${cpus}`, score.sockets, score.numaNodes], ['0,2,4,6', 1, 1]);
    assert.deepEqual(take(8, 'packed').score.sockets, 1);
  });

  test('explainPlacement says that firmware splits cores', () => {
    assert.deepEqual(explainPlacement(take(4, 'packed')), [
      'Why: best fit by the NUMA node of each CPU, because this machine reports threads of one core in different nodes.',
      'Touches 1 socket, 1 NUMA node, 1 L3 cache, 4 cores, 4 broken cores.',
    ]);
  });

  test('checkCpus scores a list by the node of each CPU and by whole cores', () => {
    const { score } = checkCpus(machine, { free: machine.online, cpus: parseCpuList('0-2') });
    assert.deepEqual([score.numaNodes, score.cores, score.brokenCores], [2, 2, 1]);
  });
});

/** Small machines of which some threads are in another NUMA node than firmware should say. */
const splitMachines = fc
  .record({ machine: smallMachines(11), strays: fc.array(fc.nat({ max: 3 }), { minLength: 48, maxLength: 48 }) })
  .map(({ machine: { topology, free }, strays }) => {
    const nodes = topology.numaNodes.map(({ numaNode }) => numaNode);
    const cpus = topology.cpus.map((cpu, i) =>
      (strays[i] ?? 0) === 0 ? { ...cpu, numaNode: nodes[(i * 7 + 1) % nodes.length] ?? 0 } : cpu,
    );
    const numaNodes = topology.numaNodes.map((node) => ({
      ...node,
      cpus: CpuSet.from(cpus.filter(({ numaNode }) => numaNode === node.numaNode).map(({ cpu }) => cpu)),
    }));
    return { topology: { ...topology, cpus, numaNodes }, free };
  });

const numRuns = Number(process.env['PLACEMENT_CASES'] ?? 300);

describe('takeCpus on random machines with split cores', () => {
  for (const policy of PLACEMENT_POLICIES) {
    test(`${policy} takes what it promises and says truly what that touches`, () => {
      fc.assert(
        fc.property(splitMachines, fc.integer({ min: 1, max: 11 }), ({ topology, free }, cpus) => {
          if (free.size < cpus) return;
          try {
            const placement = takeCpus(topology, { free, cpus, policy });
            assert.equal(placement.cpus.size, cpus);
            assert.ok(placement.cpus.isSubsetOf(free));
            assert.deepEqual(placement.score, scoreSlowly(topology, free, placement.cpus));
            const { score } = placement;
            if (policy === 'single-numa-node') assert.equal(score.numaNodes, 1);
            if (policy === 'single-l3') assert.equal(score.l3Caches, 1);
            if (policy === 'single-socket') assert.equal(score.sockets, 1);
            if (policy === 'full-cores') assert.equal(score.brokenCores, 0);
            if (policy === 'one-thread-per-core') assert.equal(score.cores, cpus);
          } catch (error) {
            if (!(error instanceof PlacementError)) throw error;
          }
        }),
        { numRuns },
      );
    });
  }
});
