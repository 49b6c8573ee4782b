import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { parseCpuList } from '../cpuset/parse.ts';
import { CATALOGUE } from '../topology/catalogue.ts';
import { parseSynthetic } from '../topology/synthetic.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { explainPlacement } from './explain.ts';
import { PLACEMENT_POLICIES, PlacementError, type PlacementRequest, type SharedDomain, takeCpus } from './take-cpus.ts';
import { smallMachines } from './testing/arbitrary.ts';
import { chooseEvery, countSlowly, createCounter, type SlowColumns } from './testing/brute-force.ts';

const sierra = CATALOGUE.find(({ name }) => name === 'xeon-6766e')?.build();
assert.ok(sierra);

type Given = Omit<PlacementRequest, 'free'> & { readonly taken: string; readonly domain?: SharedDomain };

function take(topology: CpuTopology, { taken, domain, ...request }: Given) {
  const others = parseCpuList(taken);
  const avoidSharing = domain && { domain, others };
  return takeCpus(topology, {
    ...request,
    free: topology.online.difference(others),
    ...(avoidSharing && { avoidSharing }),
  });
}

describe('takeCpus that is to share little', () => {
  test('l2: of equal choices the idle module, not the rest of one in use', () => {
    const given = { taken: '0,12-287', cpus: 3, policy: 'packed' } as const;
    assert.equal(`${take(sierra, given).cpus}`, '1-3');
    const { cpus, shared } = take(sierra, { ...given, domain: 'l2' });
    assert.deepEqual([`${cpus}`, shared], ['4-6', { l3Caches: 1, clusters: 0, cores: 0 }]);
  });

  test('l3: of equal choices the idle L3 cache, not the fullest', () => {
    const machine = parseSynthetic('l3:3 core:4 pu:2');
    const given = { taken: '0,12,4,16', cpus: 4, policy: 'packed' } as const;
    assert.equal(`${take(machine, given).cpus}`, '1-2,13-14');
    const { cpus, shared } = take(machine, { ...given, domain: 'l3' });
    assert.deepEqual([`${cpus}`, shared], ['8-9,20-21', { l3Caches: 0, cores: 0 }]);
  });

  test('l3: where every cache is in use the one that is least used', () => {
    const machine = parseSynthetic('l3:2 core:6');
    const given = { taken: '0-2,6', cpus: 2, policy: 'packed', domain: 'l3' } as const;
    assert.equal(`${take(machine, given).cpus}`, '7-8');
  });

  for (const policy of ['spread', 'one-thread-per-core'] as const) {
    test(`core: ${policy} takes cores whose siblings nobody else has`, () => {
      const machine = parseSynthetic('core:4 pu:2');
      const { cpus, shared } = take(machine, { taken: '4-5', cpus: 2, policy, domain: 'core' });
      assert.deepEqual([`${cpus}`, shared], ['2-3', { l3Caches: 0, cores: 0 }]);
    });
  }

  test('sharing is the last column: a core is not broken for it', () => {
    const machine = parseSynthetic('core:4 pu:2');
    const { cpus, shared } = take(machine, { taken: '4', cpus: 1, policy: 'packed', domain: 'core' });
    assert.deepEqual([`${cpus}`, shared?.cores], ['0', 1]);
  });

  test('CPUs that are neither free nor held by others are not shared with them', () => {
    const machine = parseSynthetic('l3:2 core:4');
    const { cpus, shared } = takeCpus(machine, {
      free: parseCpuList('1-7'),
      cpus: 2,
      policy: 'packed',
      avoidSharing: { domain: 'l3', others: CpuSet.empty },
    });
    assert.deepEqual([`${cpus}`, shared?.l3Caches], ['1-2', 0]);
  });

  test('distributed shares little within its nodes', () => {
    const machine = parseSynthetic('numa:2 l3:2 core:4');
    const given = { taken: '0,8', cpus: 4, policy: 'distributed', nodes: 2 } as const;
    const { cpus, rule } = take(machine, { ...given, domain: 'l3' });
    assert.equal(`${cpus}`, '4-5,12-13');
    assert.equal(rule.kind, 'even-shares');
  });

  test('explainPlacement says what is shared', () => {
    assert.deepEqual(explainPlacement(take(sierra, { taken: '0,12-287', cpus: 3, policy: 'packed', domain: 'l2' })), [
      'Why: of the choices that score as well as the best fit the one that shares least with others.',
      'Touches 1 socket, 1 NUMA node, 1 L3 cache, 1 L2 cache, 3 cores, 0 broken cores.',
      'Shares 1 L3 cache, 0 L2 caches, 0 cores with others.',
    ]);
  });
});

const numRuns = Number(process.env['PLACEMENT_CASES'] ?? 200);

/** How much of each kind of domain others use, in the order of what counts. */
function countOthers(topology: CpuTopology, chosen: CpuSet, others: CpuSet): number[] {
  const cpus = topology.cpus.filter(({ cpu }) => chosen.has(cpu));
  return (['l3Cache', 'cluster', 'core'] as const).map((domain) => {
    const touched = new Set(cpus.map((cpu) => cpu[domain]));
    return topology.cpus.filter((cpu) => cpu[domain] !== undefined && others.has(cpu.cpu) && touched.has(cpu[domain]))
      .length;
  });
}

/** Whether a column of `a` is higher; with `spread`, many cores are wanted. */
function isWorse(a: SlowColumns, b: SlowColumns, spread: boolean): boolean {
  const { cores, brokenCores, distance, ...reach } = a;
  const isWider = (Object.keys(reach) as (keyof typeof reach)[]).some((column) => reach[column] > b[column]);
  const isFarther = a.sockets === b.sockets && a.numaNodes === b.numaNodes && distance > b.distance;
  return isWider || isFarther || (spread ? cores < b.cores : cores > b.cores || brokenCores > b.brokenCores);
}

function tryTake(topology: CpuTopology, request: PlacementRequest) {
  try {
    return takeCpus(topology, request);
  } catch (error) {
    if (error instanceof PlacementError) return undefined;
    throw error;
  }
}

describe('takeCpus that is to share little, on random small machines', () => {
  for (const policy of PLACEMENT_POLICIES) {
    test(`${policy} is in no column worse for sharing less, and shares no more`, () => {
      fc.assert(
        fc.property(smallMachines(12), fc.integer({ min: 1, max: 12 }), ({ topology, free }, cpus) => {
          const request = { free, cpus, policy };
          const others = topology.online.difference(free);
          const plain = tryTake(topology, request);
          const careful = tryTake(topology, { ...request, avoidSharing: { domain: 'l3', others } });
          assert.equal(plain === undefined, careful === undefined);
          if (!plain || !careful) return;
          const [before, after] = [plain, careful].map((one) => countSlowly(topology, free, one.cpus));
          const isSpread = policy === 'spread' || policy === 'one-thread-per-core';
          assert.ok(before && after && !isWorse(after, before, isSpread), JSON.stringify({ before, after }));
          const [a = 0, b = 0, c = 0] = countOthers(topology, careful.cpus, others);
          const [d = 0, e = 0, f = 0] = countOthers(topology, plain.cpus, others);
          assert.ok((a - d || b - e || c - f) <= 0);
        }),
        { numRuns },
      );
    });
  }

  test('packed shares least of all choices that score the same', () => {
    let different = 0;
    fc.assert(
      fc.property(smallMachines(11), fc.integer({ min: 1, max: 11 }), ({ topology, free }, cpus) => {
        if (free.size < cpus) return;
        const others = topology.online.difference(free);
        const { cpus: taken } = takeCpus(topology, {
          free,
          cpus,
          policy: 'packed',
          avoidSharing: { domain: 'l3', others },
        });
        const own = JSON.stringify(countSlowly(topology, free, taken));
        const [l3 = 0, cluster = 0, core = 0] = countOthers(topology, taken, others);
        const ids = topology.cpus.filter(({ cpu }) => free.has(cpu)).map(({ cpu }) => cpu);
        const count = createCounter(topology, free);
        for (const set of chooseEvery(ids.length, cpus)) {
          if (JSON.stringify(count(set)) !== own) continue;
          const chosen = CpuSet.from(ids.filter((_, i) => set & (1 << i)));
          const [a = 0, b = 0, c = 0] = countOthers(topology, chosen, others);
          if ((a - l3 || b - cluster || c - core) >= 0) continue;
          different += 1;
          return;
        }
      }),
      { numRuns },
    );
    // Where the kubelet's best fit rules out what the order of the columns prefers, one in some thousands is missed.
    assert.ok(different <= 2 + numRuns / 1000, `${different} of ${numRuns} could have shared less`);
  });
});
