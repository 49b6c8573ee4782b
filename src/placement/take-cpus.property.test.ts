import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { type SmallMachine, smallMachines } from './testing/arbitrary.ts';
import { chooseEvery, countSlowly, createCounter, findBetter, isBetter, scoreSlowly } from './testing/brute-force.ts';
import { PLACEMENT_POLICIES, type Placement, PlacementError, type PlacementPolicy, takeCpus } from './take-cpus.ts';

/** How many random cases each property tries: few in `make check`, PLACEMENT_CASES=100000 for the long run. */
const numRuns = Number(process.env['PLACEMENT_CASES'] ?? 300);

/** A machine and how many of its free CPUs are wanted, at least 1. */
const requests = smallMachines(12)
  .filter(({ free }) => free.size > 0)
  .chain((machine) => fc.integer({ min: 1, max: machine.free.size }).map((cpus) => ({ ...machine, cpus })));

function tryTake(machine: SmallMachine, cpus: number, policy: PlacementPolicy): Placement | undefined {
  try {
    return takeCpus(machine.topology, { free: machine.free, cpus, policy });
  } catch (error) {
    if (error instanceof PlacementError) return undefined;
    throw error;
  }
}

function describeCase({ topology, free }: SmallMachine, cpus: number): string {
  const rows = topology.cpus.map(({ cpu, core, cluster, l3Cache, numaNode, socket }) =>
    [cpu, core, cluster, l3Cache, numaNode, socket].join('/'),
  );
  const distances = topology.numaNodes.map(({ distances }) => distances?.join(' ')).join(', ');
  return `${cpus} of ${free} on ${rows.join(' ')} (cpu/core/cluster/L3/node/socket), distances ${distances}`;
}

describe('takeCpus on random small machines', () => {
  for (const policy of PLACEMENT_POLICIES) {
    test(`T15: ${policy} takes exactly the CPUs wanted, of the free ones, and always the same`, () => {
      fc.assert(
        fc.property(requests, ({ cpus, ...machine }) => {
          const placement = tryTake(machine, cpus, policy);
          if (!placement) return;
          assert.equal(placement.cpus.size, cpus);
          assert.ok(placement.cpus.isSubsetOf(machine.free));
          assert.deepEqual(placement.score, scoreSlowly(machine.topology, machine.free, placement.cpus));
          assert.ok(tryTake(machine, cpus, policy)?.cpus.equals(placement.cpus));
        }),
        { numRuns },
      );
    });
  }

  for (const policy of ['packed', 'packed-no-l3', 'spread'] as const) {
    test(`T15: ${policy} is never beaten by another set of CPUs, in any column without loss in another`, () => {
      fc.assert(
        fc.property(requests, ({ cpus, ...machine }) => {
          const placement = tryTake(machine, cpus, policy);
          assert.ok(placement, 'enough CPUs are free');
          const columns = countSlowly(machine.topology, machine.free, placement.cpus);
          const better = findBetter(machine.topology, machine.free, columns, { cpus, spread: policy === 'spread' });
          assert.equal(
            better,
            undefined,
            `${describeCase(machine, cpus)}: took ${placement.cpus} ${JSON.stringify(placement.score)}, better ${JSON.stringify(better)}`,
          );
        }),
        { numRuns },
      );
    });
  }

  test('full-cores gives no thread of its cores to anybody else, and refuses only what cannot be', () => {
    fc.assert(
      fc.property(requests, ({ cpus, ...machine }) => {
        const { topology, free } = machine;
        const wholeCores = topology.cores.filter((core) => core.cpus.isSubsetOf(free));
        const placement = tryTake(machine, cpus, 'full-cores');
        const sums = wholeCores.reduce(
          (sums, core) => new Set([...sums, ...[...sums].map((sum) => sum + core.cpus.size)]),
          new Set([0]),
        );
        assert.equal(placement !== undefined, sums.has(cpus), describeCase(machine, cpus));
        for (const core of topology.cores) {
          if (placement?.cpus.intersects(core.cpus)) assert.ok(core.cpus.isSubsetOf(placement.cpus));
        }
      }),
      { numRuns },
    );
  });

  test('full-cores rounds up to the next sum of whole cores', () => {
    fc.assert(
      fc.property(requests, ({ cpus, topology, free }) => {
        const wholeCores = topology.cores.filter((core) => core.cpus.isSubsetOf(free));
        const size = wholeCores.reduce((sum, core) => sum + core.cpus.size, 0);
        if (size < cpus) return;
        const placement = takeCpus(topology, { free, cpus, policy: 'full-cores', roundUp: true });
        const coreSizeMax = Math.max(...topology.cores.map((core) => core.cpus.size));
        assert.ok(placement.cpus.size >= cpus && placement.cpus.size < cpus + coreSizeMax);
        assert.equal(placement.score.brokenCores, 0);
      }),
      { numRuns },
    );
  });

  test('one-thread-per-core takes each CPU of another core, and refuses only what cannot be', () => {
    fc.assert(
      fc.property(requests, ({ cpus, ...machine }) => {
        const placement = tryTake(machine, cpus, 'one-thread-per-core');
        const cores = machine.topology.cores.filter((core) => core.cpus.intersects(machine.free)).length;
        assert.equal(placement !== undefined, cores >= cpus);
        if (placement) assert.equal(placement.score.cores, cpus);
      }),
      { numRuns },
    );
  });

  for (const [policy, column, domains] of [
    ['single-l3', 'l3Caches', 'l3Caches'],
    ['single-numa-node', 'numaNodes', 'numaNodes'],
    ['single-socket', 'sockets', 'sockets'],
  ] as const) {
    test(`${policy} stays in one domain, and refuses only when none has enough`, () => {
      fc.assert(
        fc.property(requests, ({ cpus, ...machine }) => {
          const placement = tryTake(machine, cpus, policy);
          const most = Math.max(
            ...machine.topology[domains].map((domain) => domain.cpus.intersection(machine.free).size),
          );
          assert.equal(placement !== undefined, most >= cpus);
          if (placement) assert.equal(placement.score[column], 1);
        }),
        { numRuns },
      );
    });
  }

  test('distributed gives every node a multiple of the group, or says that it cannot', () => {
    fc.assert(
      fc.property(requests, fc.integer({ min: 1, max: 4 }), ({ cpus, topology, free }, group) => {
        const { rule, ...placement } = takeCpus(topology, { free, cpus, policy: 'distributed', group });
        if (rule.kind !== 'even-shares') return;
        for (const { numaNode, cpus: ofNode } of topology.numaNodes) {
          const share = placement.cpus.intersection(ofNode).size;
          assert.equal(share, rule.shares.get(numaNode) ?? 0);
          assert.equal(share % group, 0);
        }
      }),
      { numRuns },
    );
  });

  test('distributed takes no nodes of more sockets or farther apart than others that give the same even shares', () => {
    let several = 0;
    fc.assert(
      fc.property(requests, ({ cpus, topology, free }) => {
        const placement = takeCpus(topology, { free, cpus, policy: 'distributed' });
        const shares = placement.rule.kind === 'even-shares' ? [...placement.rule.shares.values()] : [];
        if (new Set(shares).size !== 1) return;
        several += shares.length > 1 ? 1 : 0;
        const columns = countSlowly(topology, free, placement.cpus);
        const ids = topology.cpus.filter(({ cpu }) => free.has(cpu));
        const count = createCounter(topology, free);
        for (const set of chooseEvery(ids.length, cpus)) {
          const nodes = Map.groupBy(
            ids.filter((_, i) => set & (1 << i)),
            ({ numaNode }) => numaNode,
          );
          if (nodes.size !== shares.length || [...nodes.values()].some(({ length }) => length !== shares[0])) continue;
          const other = count(set);
          const isNearer = other.sockets < columns.sockets || other.distance < columns.distance;
          assert.ok(!(isNearer && isBetter(other, columns, false)), describeCase({ topology, free }, cpus));
        }
      }),
      { numRuns },
    );
    assert.ok(several > numRuns / 100, `${several} requests were shared by several nodes`);
  });
});
