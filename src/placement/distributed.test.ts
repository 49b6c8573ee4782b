import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { parseCpuList } from '../cpuset/parse.ts';
import { parseSynthetic } from '../topology/synthetic.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { PlacementError, type PlacementPolicy, takeCpus } from './take-cpus.ts';

const twoByTwo = parseSynthetic('pack:2 numa:2 core:4 pu:2');

function distribute(topology: CpuTopology, { taken, cpus, ...rest }: { taken: string; cpus: number; group?: number }) {
  const free = topology.online.difference(parseCpuList(taken));
  return takeCpus(topology, { free, cpus, policy: 'distributed', ...rest });
}

describe('takeCpus distributed over NUMA nodes of several sockets', () => {
  test('takes two nodes of one socket where they give the same even shares as fuller ones of two', () => {
    const { cpus, score } = distribute(twoByTwo, { taken: '0,16,8,24', cpus: 12 });
    assert.deepEqual([`${cpus}`, score.sockets, score.numaNodes], ['1-6,17-22', 1, 2]);
  });

  test('takes four nodes of one socket on a machine of eight', () => {
    const machine = parseSynthetic('pack:2 numa:4 core:16 pu:2');
    const { cpus, score, rule } = distribute(machine, { taken: '48,112,176,240', cpus: 120 });
    assert.deepEqual([score.sockets, score.numaNodes, score.cores, score.brokenCores], [1, 4, 60, 0]);
    assert.deepEqual(rule.kind === 'even-shares' && [...rule.shares], [
      [0, 30],
      [1, 30],
      [2, 30],
      [3, 30],
    ]);
    assert.equal(`${cpus}`, '0-14,16-30,32-46,49-63,128-142,144-158,160-174,177-191');
  });

  // Every pattern of nodes that lost one or two cores, and requests that two of them can share.
  const losses = [0, 1, 2].flatMap((a) =>
    [0, 1, 2].flatMap((b) => [0, 1, 2].flatMap((c) => [0, 1, 2].map((d) => [a, b, c, d]))),
  );
  for (const cpus of [10, 12, 14, 16]) {
    test(`crosses sockets for ${cpus} CPUs of 2 x 2 nodes only where no socket has two nodes that can share them`, () => {
      for (const lost of losses) {
        const taken = lost.flatMap((cores, node) =>
          Array.from({ length: cores }, (_, i) => [4 * node + i, 4 * node + i + 16]).flat(),
        );
        const left = lost.map((cores) => 8 - 2 * cores);
        const canGive = (nodes: readonly number[]) => nodes.every((node) => (left[node] ?? 0) >= cpus / 2);
        const free = twoByTwo.online.difference(CpuSet.from(taken));
        if (free.size < cpus) continue;
        const { score, rule } = takeCpus(twoByTwo, { free, cpus, policy: 'distributed' });
        if (rule.kind !== 'even-shares' || rule.shares.size !== 2) continue;
        assert.equal(score.sockets, canGive([0, 1]) || canGive([2, 3]) ? 1 : 2, `cores taken ${lost.join()}`);
      }
    });
  }

  test('keeps the fullest nodes, as the KEP has it, among those of as few sockets', () => {
    const { rule } = distribute(twoByTwo, { taken: '0,16,12,28', cpus: 8 });
    assert.deepEqual(rule.kind === 'even-shares' && [...rule.shares], [[1, 8]]);
  });

  test('does not spend more cores to stay in one socket', () => {
    // Nodes 0 and 3 have single threads only: a share of theirs costs four cores instead of two.
    const free = parseCpuList('16-19,4-6,20-22,8-10,24-26,28-31');
    const { score } = takeCpus(twoByTwo, { free, cpus: 8, policy: 'distributed' });
    assert.deepEqual([score.sockets, score.numaNodes, score.cores], [2, 2, 4]);
  });
});

describe('takeCpus within one socket', () => {
  function takeOfOne(taken: string, cpus: number, policy: PlacementPolicy) {
    const free = twoByTwo.online.difference(parseCpuList(taken));
    return takeCpus(twoByTwo, { free, cpus, policy, singleSocket: true });
  }

  test('distributed goes with a single socket: even shares of its nodes', () => {
    const { cpus, rule, score } = takeOfOne('0,16,8,24,12,28', 14, 'distributed');
    assert.equal(score.sockets, 1);
    assert.equal(rule.kind, 'no-even-shares');
    assert.equal(`${cpus}`, '1-7,17-23');
    const even = takeOfOne('0,16,8,24', 12, 'distributed');
    assert.deepEqual(even.rule.kind === 'even-shares' && [...even.rule.shares.values()], [6, 6]);
  });

  test('distributed over nodes of one socket is taken of the socket that can share evenly', () => {
    const { rule } = takeOfOne('0-1,16-17', 16, 'distributed');
    assert.deepEqual(rule.kind === 'even-shares' && [...rule.shares], [
      [2, 8],
      [3, 8],
    ]);
  });

  for (const policy of ['packed', 'spread', 'full-cores', 'one-thread-per-core', 'single-socket'] as const) {
    test(`${policy} goes with a single socket`, () => {
      // Five whole cores are left of socket 0, six of socket 1.
      const cpus = policy === 'one-thread-per-core' || policy === 'spread' ? 6 : 12;
      assert.equal(`${takeOfOne('0-2,16-18,8-9,24-25', cpus, policy).score.sockets}`, '1');
    });
  }

  test('is refused where no socket has as many CPUs', () => {
    assert.throws(
      () => takeOfOne('0,8', 16, 'distributed'),
      (error) =>
        error instanceof PlacementError &&
        error.code === 'Unsatisfiable' &&
        /16 CPUs of one socket: the one with the most has 15/.test(error.message),
    );
  });

  test('is refused with the reason of the policy where sockets have CPUs enough', () => {
    assert.throws(
      () => takeOfOne('0-4,9', 11, 'full-cores'),
      (error) => error instanceof PlacementError && /whole cores/.test(error.message),
    );
  });
});
