import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { parseCpuList } from '../cpuset/parse.ts';
import { parseSynthetic } from '../topology/synthetic.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { explainPlacement } from './explain.ts';
import { type Placement, type PlacementRequest, takeCpus } from './take-cpus.ts';
import { machineOf, regularRows } from './testing/machines.ts';

const twoByTwo = parseSynthetic('pack:2 numa:2 core:4 pu:2');

/** The CPUs local to a PCIe root. */
function localTo(topology: CpuTopology, pcieRoot: string): CpuSet {
  const root = topology.pcieRoots.find((one) => one.pcieRoot === pcieRoot);
  assert.ok(root, pcieRoot);
  return root.cpus;
}

function take(topology: CpuTopology, request: Omit<PlacementRequest, 'free'> & { taken?: string }): Placement {
  const { taken = '', ...rest } = request;
  return takeCpus(topology, { free: topology.online.difference(parseCpuList(taken)), ...rest });
}

describe('takeCpus near a device whose CPUs do not suffice', () => {
  const near = localTo(twoByTwo, 'pci0000:10');

  for (const policy of ['packed', 'packed-no-l3', 'full-cores', 'distributed', 'single-numa-node'] as const) {
    test(`${policy} stays in the socket of the device where another node serves as well`, () => {
      const { cpus, preferred } = take(twoByTwo, { taken: '5-7,21-23,12,28', cpus: 4, policy, near });
      assert.deepEqual([`${cpus}`, preferred], ['0-1,16-17', 0]);
    });
  }

  for (const policy of ['spread', 'one-thread-per-core'] as const) {
    test(`${policy} stays in the socket of the device where another node serves as well`, () => {
      const { cpus, preferred } = take(twoByTwo, { taken: '5-7,21-23,12,28', cpus: 4, policy, near });
      assert.deepEqual([`${cpus}`, preferred], ['0-3', 0]);
    });
  }

  test('full-cores takes as many preferred cores as there are, and fills up in the same socket', () => {
    const { cpus, preferred } = take(twoByTwo, { taken: '5,21', cpus: 10, policy: 'full-cores', near });
    assert.deepEqual([`${cpus}`, preferred], ['0-1,4,6-7,16-17,20,22-23', 6]);
  });

  test('one-thread-per-core takes as many preferred cores as there are, and fills up in the same socket', () => {
    const { cpus, preferred } = take(twoByTwo, { taken: '5,21', cpus: 5, policy: 'one-thread-per-core', near });
    assert.deepEqual([`${cpus}`, preferred], ['0-1,4,6-7', 3]);
  });

  test("distributed takes the device's node and its neighbor rather than fuller nodes of the same number", () => {
    const { cpus, preferred } = take(twoByTwo, { taken: '0,16,4,20', cpus: 12, policy: 'distributed', near });
    assert.deepEqual([`${cpus}`, preferred], ['1-3,5-7,17-19,21-23', 6]);
  });

  test('distributed gives what is left over to the node of the device', () => {
    const local = localTo(twoByTwo, 'pci0000:00');
    const { rule, preferred } = take(twoByTwo, { taken: '3,19', cpus: 13, policy: 'distributed', near: local });
    assert.deepEqual(
      [rule.kind === 'even-shares' && [...rule.shares], preferred],
      [
        [
          [0, 6],
          [1, 7],
        ],
        6,
      ],
    );
    const { rule: larger } = take(twoByTwo, { taken: '7,23', cpus: 13, policy: 'distributed', near: local });
    assert.deepEqual(larger.kind === 'even-shares' && [...larger.shares], [
      [0, 7],
      [1, 6],
    ]);
  });

  test('a preference never costs a socket or a NUMA node', () => {
    const { cpus, preferred, score } = take(twoByTwo, {
      taken: '5-7,21-23,0-1,16-17',
      cpus: 6,
      policy: 'packed',
      near,
    });
    assert.deepEqual([`${cpus}`, preferred, score.numaNodes], ['8-10,24-26', 0, 1]);
  });

  test('nearness is by distance before socket', () => {
    // Node 1 is in another socket than node 0 and nearer to it than node 2 of its own.
    const rows = regularRows({ sockets: 1, nodesPerSocket: 3, l3sPerNode: 1, coresPerL3: 2, threadsPerCore: 1 });
    const machine = machineOf(
      rows.map((row) => ({ ...row, socket: row.numaNode === 1 ? 1 : 0 })),
      [
        [10, 12, 20],
        [12, 10, 20],
        [20, 20, 10],
      ],
    );
    assert.equal(`${take(machine, { taken: '0-1', cpus: 2, policy: 'packed', near: CpuSet.of(0, 1) }).cpus}`, '2-3');
  });

  test('explainPlacement says why and how many are preferred', () => {
    assert.deepEqual(explainPlacement(take(twoByTwo, { taken: '5-7,21-23,12,28', cpus: 4, policy: 'packed', near })), [
      'Why: as many preferred CPUs as the same number of sockets and NUMA nodes can give, the others as near to them as possible.',
      'Touches 1 socket, 1 NUMA node, 0 L3 caches, 2 cores, 0 broken cores.',
      '0 of 4 CPUs are of the CPUs preferred.',
    ]);
  });
});

describe('takeCpus with isolated CPUs and a device', () => {
  const rows = regularRows({ sockets: 2, nodesPerSocket: 1, l3sPerNode: 1, coresPerL3: 4, threadsPerCore: 1 });
  const machine = machineOf(rows.map((row) => ({ ...row, isolated: [2, 3, 6, 7].includes(row.cpu) })));
  const near = parseCpuList('4-7');

  for (const [cpus, want, why] of [
    [2, '6-7', 'isolated and near suffice'],
    [4, '2-3,6-7', 'isolated suffice'],
    [6, '2-7', 'isolated or near suffice'],
    [7, '0,2-7', 'all of them and another'],
  ] as const) {
    test(`${cpus} CPUs are ${want}: ${why}`, () => {
      const { cpus: taken } = take(machine, { cpus, policy: 'packed', isolated: 'prefer', near });
      assert.equal(`${taken}`, want);
    });
  }

  test('of isolated and near CPUs all isolated ones come first', () => {
    const { cpus } = take(machine, { cpus: 5, policy: 'packed', isolated: 'prefer', near });
    assert.ok(parseCpuList('2-3,6-7').isSubsetOf(cpus) && cpus.isSubsetOf(parseCpuList('2-7')), `${cpus}`);
  });

  test('near CPUs are preferred among the isolated ones', () => {
    const { cpus } = take(machine, { cpus: 3, policy: 'packed', isolated: 'prefer', near });
    assert.ok(parseCpuList('6-7').isSubsetOf(cpus), `${cpus}`);
  });

  test('a machine without isolated CPUs has none to prefer', () => {
    const { cpus, preferred } = take(twoByTwo, { cpus: 2, policy: 'packed', isolated: 'prefer' });
    assert.deepEqual([`${cpus}`, preferred], ['0,16', undefined]);
  });
});
