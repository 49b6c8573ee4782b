import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { parseCpuList } from '../cpuset/parse.ts';
import { PlacementError, type PlacementRequest, takeCpus } from './take-cpus.ts';
import { type CpuRow, machineOf, type MachineShape, regularRows } from './testing/machines.ts';

function regular(shape: Partial<MachineShape>) {
  return machineOf(
    regularRows({ sockets: 1, nodesPerSocket: 1, l3sPerNode: 1, coresPerL3: 4, threadsPerCore: 2, ...shape }),
  );
}

function take(topology: ReturnType<typeof machineOf>, request: Omit<PlacementRequest, 'free'> & { free?: string }) {
  const free = request.free === undefined ? topology.online : parseCpuList(request.free);
  return takeCpus(topology, { ...request, free });
}

function fails(code: PlacementError['code'], message: RegExp) {
  return (error: unknown) => error instanceof PlacementError && error.code === code && message.test(error.message);
}

/** Four P-cores with two threads (0-7, siblings adjacent) and eight E-cores (8-15), one L3. */
const hybrid = machineOf(
  Array.from({ length: 16 }, (_, cpu): CpuRow => {
    const isP = cpu < 8;
    return {
      cpu,
      core: isP ? cpu >> 1 : cpu - 4,
      socket: 0,
      numaNode: 0,
      l3Cache: 0,
      coreType: isP ? 'p-core' : 'e-core',
    };
  }),
);

describe('takeCpus where the kubelet goes wrong', () => {
  test('T1: core ids that repeat per socket do not mix the sockets up', () => {
    const rows = regularRows({ sockets: 2, nodesPerSocket: 1, l3sPerNode: 1, coresPerL3: 8, threadsPerCore: 2 });
    const machine = machineOf(rows);
    const repeated = { ...machine, cpus: machine.cpus.map((cpu) => ({ ...cpu, coreId: cpu.core % 8 })) };
    assert.equal(take(repeated, { free: '1-7,16-23', cpus: 4, policy: 'packed' }).cpus.toString(), '1-2,17-18');
  });

  test('T2: a part-request goes into the one L3 that can hold it', () => {
    const { cpus, score } = take(regular({ l3sPerNode: 2 }), { free: '3,5,7,11-15', cpus: 5, policy: 'packed' });
    assert.ok(cpus.isSubsetOf(parseCpuList('4-7,12-15')), cpus.toString());
    assert.deepEqual(score, { sockets: 1, numaNodes: 1, l3Caches: 1, cores: 3, brokenCores: 0 });
  });

  test('T3: uneven L3 caches: the fullest that fits is used, be the other smaller or larger', () => {
    // L3 0 has cores 0-3 (CPUs 0-3, second threads 10-13), L3 1 has cores 4-9.
    const rows = Array.from({ length: 20 }, (_, cpu): CpuRow => {
      const core = cpu % 10;
      return { cpu, core, socket: 0, numaNode: 0, l3Cache: core < 4 ? 0 : 1 };
    });
    for (const free of ['0-1,10-11,4,14', '0-1,10-11,4-9,14-19', '0,2,3,13,4-5']) {
      const { cpus, score } = take(machineOf(rows), { free, cpus: 3, policy: 'packed' });
      assert.equal(score.l3Caches, 1);
      assert.ok(cpus.isSubsetOf(parseCpuList('0-3,10-13')), `${free}: ${cpus}`);
    }
  });

  test('T4: on a hybrid machine the core type is respected and P-cores go in pairs', () => {
    assert.equal(take(hybrid, { cpus: 3, policy: 'packed', coreType: 'p-core' }).cpus.toString(), '0-2');
    assert.equal(take(hybrid, { free: '1-15', cpus: 5, policy: 'packed', coreType: 'p-core' }).cpus.toString(), '1-5');
    assert.equal(take(hybrid, { cpus: 3, policy: 'packed', coreType: 'e-core' }).cpus.toString(), '8-10');
    const any = take(hybrid, { cpus: 4, policy: 'packed' });
    assert.deepEqual(any.score, { sockets: 1, numaNodes: 1, l3Caches: 1, cores: 2, brokenCores: 0 });
    assert.throws(
      () => take(hybrid, { cpus: 9, policy: 'packed', coreType: 'p-core' }),
      fails('NotEnoughCPUs', /9 p-core CPUs: 8 are free/),
    );
  });

  test('T4: cores without an L3 cache are taken last, not first', () => {
    // Intel Core Ultra: two P-cores (0-3), four E-cores (4-7) and two low-power cores (8-9), which the L3 does not serve.
    const rows = Array.from({ length: 10 }, (_, cpu): CpuRow => {
      const core = cpu < 4 ? cpu >> 1 : cpu - 2;
      return { cpu, core, socket: 0, numaNode: 0, ...(cpu < 8 && { l3Cache: 0 }) };
    });
    const machine = machineOf(rows);
    assert.equal(`${take(machine, { cpus: 1, policy: 'packed' }).cpus}`, '4');
    assert.equal(`${take(machine, { cpus: 2, policy: 'spread' }).cpus}`, '0,2');
    assert.equal(`${take(machine, { cpus: 2, policy: 'one-thread-per-core' }).cpus}`, '0,2');
  });

  test('T5: one offline thread does not switch whole cores off', () => {
    const rows = regularRows({ sockets: 1, nodesPerSocket: 1, l3sPerNode: 1, coresPerL3: 8, threadsPerCore: 2 });
    const machine = machineOf(rows.filter(({ cpu }) => cpu !== 15));
    const { cpus, score } = take(machine, { cpus: 4, policy: 'packed' });
    assert.equal(cpus.toString(), '0-1,8-9');
    assert.deepEqual(score, { sockets: 1, numaNodes: 1, l3Caches: 1, cores: 2, brokenCores: 0 });
    // The core that lost its sibling is a whole core of one thread.
    assert.equal(take(machine, { cpus: 3, policy: 'full-cores' }).cpus.toString(), '0,7-8');
  });

  test('T6: cores with four threads are filled before others are touched', () => {
    const rows = Array.from(
      { length: 32 },
      (_, cpu): CpuRow => ({ cpu, core: cpu >> 2, socket: 0, numaNode: 0, l3Cache: 0 }),
    );
    assert.equal(take(machineOf(rows), { cpus: 4, policy: 'packed' }).cpus.toString(), '0-3');
    const six = take(machineOf(rows), { cpus: 6, policy: 'packed' });
    assert.deepEqual([six.cpus.toString(), six.score.cores], ['0-5', 2]);
    assert.equal(take(machineOf(rows), { cpus: 6, policy: 'full-cores', roundUp: true }).cpus.toString(), '0-7');
  });

  test('T6: cores of which some threads are not free are used before more of smaller whole ones', () => {
    // Two cores of four threads with one taken each, and three cores of which two threads are offline.
    const rows = Array.from({ length: 14 }, (_, cpu): CpuRow => {
      const core = cpu < 8 ? cpu >> 2 : 2 + ((cpu - 8) >> 1);
      return { cpu, core, socket: 0, numaNode: 0, l3Cache: 0 };
    });
    const { score } = take(machineOf(rows), { free: '0-2,4-6,8-13', cpus: 6, policy: 'packed-no-l3' });
    assert.deepEqual([score.cores, score.brokenCores], [2, 0]);
  });

  test('an L3 cache that spans NUMA nodes counts once in whatever is compared', () => {
    // One socket with one L3: node 0 has two whole cores, node 1 one, node 2 one free thread. Best fit touches all nodes.
    const rows = Array.from({ length: 8 }, (_, cpu): CpuRow => {
      const core = cpu % 4;
      return { cpu, core, socket: 0, numaNode: [0, 0, 1, 2][core] ?? 0, l3Cache: 0 };
    });
    const { cpus } = take(machineOf(rows), { free: '0-6', cpus: 5, policy: 'packed' });
    assert.equal(cpus.toString(), '0-1,3-5');
  });

  test('T6: threads of a core that have different L3 caches are counted and kept apart by their cache', () => {
    // POWER10: even threads of a core of eight have one cache, odd ones another.
    const rows = Array.from({ length: 16 }, (_, cpu): CpuRow => {
      const core = cpu >> 3;
      return { cpu, core, socket: 0, numaNode: 0, l3Cache: 2 * core + (cpu & 1) };
    });
    const machine = machineOf(rows);
    const chosen = (request: Parameters<typeof take>[1]) => {
      const { cpus, score } = take(machine, request);
      return [`${cpus}`, score.l3Caches, score.brokenCores];
    };
    assert.deepEqual(chosen({ cpus: 4, policy: 'packed' }), ['0,2,4,6', 1, 1]);
    assert.deepEqual(chosen({ cpus: 8, policy: 'full-cores' }), ['0-7', 2, 0]);
    assert.deepEqual(chosen({ cpus: 2, policy: 'single-l3', free: '0-8,10-15' }), ['11,13', 1, 0]);
    assert.throws(() => take(machine, { cpus: 5, policy: 'single-l3' }), fails('Unsatisfiable', /has 4 of them free/));
  });

  test('T12: an odd request for whole cores is refused, or rounded up when asked to', () => {
    const machine = regular({});
    assert.throws(
      () => take(machine, { cpus: 3, policy: 'full-cores' }),
      fails('Unsatisfiable', /no whole cores have exactly that many; ask for a multiple of 2, or allow rounding up/),
    );
    const rounded = take(machine, { cpus: 3, policy: 'full-cores', roundUp: true });
    assert.deepEqual([rounded.cpus.toString(), rounded.rule], ['0-1,4-5', { kind: 'whole-cores', added: 1 }]);
    assert.throws(
      () => take(machine, { free: '0-3', cpus: 2, policy: 'full-cores' }),
      fails('Unsatisfiable', /wholly free cores have 0 CPUs/),
    );
  });

  test('T14: 64 CPUs of four of eight nodes come 16 of each, in whole cores', () => {
    const machine = regular({ sockets: 2, nodesPerSocket: 4, coresPerL3: 16 });
    // Ten cores (20 CPUs) are free on each of the nodes 0, 2, 5 and 7.
    const firstThreads = [0, 2, 5, 7].map((node) => CpuSet.range(node * 16 + 3, node * 16 + 12));
    const free = CpuSet.unionOf([
      ...firstThreads,
      ...firstThreads.map((set) => CpuSet.from([...set].map((cpu) => cpu + 128))),
    ]);
    const { cpus, rule, score } = takeCpus(machine, { free, cpus: 64, policy: 'distributed', group: 2 });
    assert.deepEqual(rule, {
      kind: 'even-shares',
      shares: new Map([
        [0, 16],
        [2, 16],
        [5, 16],
        [7, 16],
      ]),
    });
    assert.deepEqual([cpus.size, score.cores, score.brokenCores], [64, 32, 0]);
  });
});

describe('takeCpus', () => {
  test('takes no CPU that is not online, whatever is called free', () => {
    const machine = regular({});
    assert.equal(take(machine, { free: '0-63', cpus: 8, policy: 'packed' }).cpus.toString(), '0-7');
    assert.throws(
      () => take(machine, { free: '0-63', cpus: 9, policy: 'packed' }),
      fails('NotEnoughCPUs', /8 are free/),
    );
  });

  test('refuses counts that make no sense', () => {
    for (const cpus of [0, -1, 1.5, Number.NaN]) {
      assert.throws(() => take(regular({}), { cpus, policy: 'packed' }), fails('InvalidCase', /want a whole number/));
    }
    assert.throws(
      () => take(regular({}), { cpus: 2, policy: 'distributed', group: 0 }),
      fails('InvalidCase', /groups of 0/),
    );
  });

  test('spread takes other cores before second threads', () => {
    const { score } = take(regular({ coresPerL3: 8 }), { cpus: 6, policy: 'spread' });
    assert.equal(score.cores, 6);
  });

  test('one-thread-per-core prefers undisturbed cores', () => {
    assert.equal(take(regular({}), { free: '1-7', cpus: 3, policy: 'one-thread-per-core' }).cpus.toString(), '1-3');
    assert.equal(take(regular({}), { free: '1-7', cpus: 4, policy: 'one-thread-per-core' }).cpus.toString(), '1-4');
    assert.throws(
      () => take(regular({}), { cpus: 5, policy: 'one-thread-per-core' }),
      fails('Unsatisfiable', /4 cores have a free thread/),
    );
  });

  test('single-l3 refuses where no cache has enough, and where none is known', () => {
    const machine = regular({ l3sPerNode: 2 });
    assert.equal(take(machine, { cpus: 8, policy: 'single-l3' }).score.l3Caches, 1);
    assert.throws(
      () => take(machine, { cpus: 9, policy: 'single-l3' }),
      fails('Unsatisfiable', /the one with the most has 8/),
    );
    const unknown = machineOf(
      regularRows({ sockets: 1, nodesPerSocket: 1, l3sPerNode: 1, coresPerL3: 4, threadsPerCore: 2 }).map(
        ({ cpu, core, socket, numaNode }) => ({ cpu, core, socket, numaNode }),
      ),
    );
    assert.throws(() => take(unknown, { cpus: 1, policy: 'single-l3' }), fails('Unsatisfiable', /has 0 of them free/));
    assert.equal(take(unknown, { cpus: 3, policy: 'packed' }).score.l3Caches, 0);
  });

  test('single-numa-node takes one node where packed would take two', () => {
    const machine = regular({ sockets: 2 });
    // Each node has one whole core and three half ones free: packed takes the whole cores, which are fewer.
    const request = { free: '0-8,12', cpus: 4 };
    assert.equal(take(machine, { ...request, policy: 'packed' }).score.numaNodes, 2);
    assert.deepEqual(take(machine, { ...request, policy: 'single-numa-node' }).score, {
      sockets: 1,
      numaNodes: 1,
      l3Caches: 1,
      cores: 3,
      brokenCores: 0,
    });
  });

  test('isolated CPUs are like all others unless they are preferred or required', () => {
    const rows = regularRows({ sockets: 1, nodesPerSocket: 1, l3sPerNode: 1, coresPerL3: 4, threadsPerCore: 2 });
    const machine = machineOf(rows.map((row) => ({ ...row, isolated: row.core >= 2 })));
    assert.equal(take(machine, { cpus: 2, policy: 'packed' }).cpus.toString(), '0,4');
    const preferred = take(machine, { cpus: 2, policy: 'packed', isolated: 'prefer' });
    assert.deepEqual([preferred.cpus.toString(), preferred.preferred], ['2,6', 2]);
    const filled = take(machine, { cpus: 6, policy: 'packed', isolated: 'prefer' });
    assert.deepEqual([filled.cpus.toString(), filled.preferred], ['0,2-4,6-7', 4]);
    assert.equal(take(machine, { cpus: 4, policy: 'packed', isolated: 'require' }).cpus.toString(), '2-3,6-7');
    assert.throws(
      () => take(machine, { cpus: 5, policy: 'packed', isolated: 'require' }),
      fails('NotEnoughCPUs', /5 isolated CPUs: 4 are free/),
    );
  });

  test('CPUs near a PCIe root are preferred, but not at the price of another node', () => {
    const machine = regular({ sockets: 2 });
    const near = parseCpuList('4-7,12-15');
    assert.ok(take(machine, { cpus: 4, policy: 'packed', near }).cpus.isSubsetOf(near));
    assert.ok(
      take(machine, { free: '0-3,8-11,4', cpus: 4, policy: 'packed', near }).cpus.isSubsetOf(parseCpuList('0-3,8-11')),
    );
    const more = take(machine, { cpus: 12, policy: 'packed', near });
    assert.ok(near.isSubsetOf(more.cpus));
    assert.equal(more.preferred, 8);
  });

  test('distributed takes the nearest of equal nodes', () => {
    const rows = regularRows({ sockets: 4, nodesPerSocket: 1, l3sPerNode: 1, coresPerL3: 2, threadsPerCore: 1 });
    const far = [
      [10, 40, 40, 20],
      [40, 10, 20, 40],
      [40, 20, 10, 40],
      [20, 40, 40, 10],
    ];
    const machine = machineOf(rows, far);
    assert.equal(take(machine, { cpus: 4, policy: 'distributed' }).cpus.toString(), '0-1,6-7');
    assert.equal(take(machine, { free: '2-7', cpus: 4, policy: 'distributed' }).cpus.toString(), '2-5');
  });

  test('distributed gives what is left over to the widest set in best balance, not always to the fullest nodes', () => {
    const machine = regular({ sockets: 4, nodesPerSocket: 2, coresPerL3: 5 });
    const free = '5-7,9-10,12-14,16,18-20,25-30,34-35,38-39,45-47,49-50,52-54,56,58-60,65-70,74-75,78-79';
    const { rule } = take(machine, { free, cpus: 27, policy: 'distributed' });
    assert.deepEqual(rule.kind === 'even-shares' && [...rule.shares.values()], [6, 7, 6, 8]);
  });

  test('the score counts cores that were wholly free, though the request may not take all of their threads', () => {
    const rows = regularRows({ sockets: 1, nodesPerSocket: 1, l3sPerNode: 1, coresPerL3: 4, threadsPerCore: 2 });
    const machine = machineOf(rows.map((row) => ({ ...row, isolated: row.cpu < 2 })));
    const { score } = take(machine, { cpus: 2, policy: 'packed', isolated: 'require' });
    assert.equal(score.brokenCores, 2);
  });

  test('distributed over a given number of nodes gives even shares of them, or refuses', () => {
    const machine = regular({ sockets: 4 });
    const { rule } = take(machine, { cpus: 6, policy: 'distributed', group: 2, nodes: 3 });
    assert.deepEqual(rule.kind === 'even-shares' && [...rule.shares], [
      [0, 2],
      [1, 2],
      [2, 2],
    ]);
    assert.throws(
      () => take(machine, { free: '0-7', cpus: 6, policy: 'distributed', nodes: 3 }),
      fails('Unsatisfiable', /evenly of 3 NUMA nodes in groups of 1: free are 4 on node 0, 4 on node 1, 0 on node 2/),
    );
  });

  test('distributed ends where the reference does not', () => {
    const machine = regular({ sockets: 2, nodesPerSocket: 4 });
    const free = '0-1,6-7,9-13,15-19,22,25-30,32-33,37-39,41-51,56-61';
    assert.equal(take(machine, { free, cpus: 36, policy: 'distributed', group: 2 }).cpus.size, 36);
  });
});
