import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCpuList } from '../cpuset/parse.ts';
import { CATALOGUE } from '../topology/catalogue.ts';
import { parseSynthetic } from '../topology/synthetic.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { explainPlacement } from './explain.ts';
import { PLACEMENT_POLICIES, type PlacementPolicy, takeCpus } from './take-cpus.ts';

function machine(name: string): CpuTopology {
  const found = CATALOGUE.find((one) => one.name === name);
  assert.ok(found, name);
  return found.build();
}

function take(
  topology: CpuTopology,
  { free, cpus, policy = 'packed' }: { free: string; cpus: number; policy?: PlacementPolicy },
) {
  return takeCpus(topology, { free: parseCpuList(free), cpus, policy });
}

describe('takeCpus where cores share level 2 caches', () => {
  for (const policy of PLACEMENT_POLICIES) {
    // An Ampere Altra has no L3 cache that the kernel lists.
    const machines = [
      ['xeon-6766e', '1-3,8-11', 4, '8-11'],
      ...(policy === 'single-l3' ? [] : ([['altra-q80', '1,2,4,5', 2, '4-5']] as const)),
      ['i9-13900k', '17-23', 4, '20-23'],
    ] as const;
    for (const [name, free, cpus, want] of machines) {
      test(`${policy} takes an idle module of ${name}`, () => {
        const { cpus: taken, score } = take(machine(name), { free, cpus, policy });
        assert.deepEqual([`${taken}`, score.clusters, score.sharedClusters], [want, 1, 0]);
      });
    }
  }

  test('a request that the rest of a module holds goes there, so that idle modules stay whole', () => {
    const { cpus, score } = take(machine('xeon-6766e'), { free: '1-3,8-11', cpus: 3 });
    assert.deepEqual([`${cpus}`, score.clusters, score.sharedClusters], ['1-3', 1, 1]);
  });

  test('a request over several modules takes whole ones, then the fullest that holds the rest', () => {
    const { cpus, score } = take(machine('xeon-6766e'), { free: '2-3,5-7,8-11,12-15', cpus: 10 });
    assert.deepEqual([`${cpus}`, score.clusters], ['2-3,8-15', 3]);
  });

  test('L3 caches come before modules', () => {
    // L3 0 has a free module of two CPUs, L3 1 one free CPU in each of three modules.
    const topology = parseSynthetic('l3:2 cluster:3 core:2');
    const placement = take(topology, { free: '0-1,6,8,10', cpus: 3, policy: 'packed-no-l3' });
    assert.deepEqual([`${placement.cpus}`, placement.score.l3Caches, placement.score.clusters], ['6,8,10', 1, 3]);
    assert.equal(
      explainPlacement(placement)[0],
      "Why: better than the kubelet's best fit: 1 L3 cache instead of 2, 3 L2 caches instead of 2.",
    );
  });

  test('modules come before cores, as far as the choice of the kubelet has as many', () => {
    // Either two whole cores of two modules or four half ones of one: the kubelet takes whole cores, and fewer of them.
    const topology = parseSynthetic('cluster:3 core:4 pu:2');
    const halves = '0-3';
    assert.deepEqual(take(topology, { free: `${halves},4,8,16,20`, cpus: 4 }).score, {
      sockets: 1,
      numaNodes: 1,
      l3Caches: 0,
      cores: 2,
      brokenCores: 0,
      clusters: 2,
      sharedClusters: 2,
    });
    assert.equal(`${take(topology, { free: `${halves},4,8`, cpus: 4 }).cpus}`, '0-3');
  });

  test('the score counts level 2 caches also where every core has its own', () => {
    const rows = parseSynthetic('core:4 pu:2');
    const topology = { ...rows, cpus: rows.cpus.map((cpu) => ({ ...cpu, cluster: cpu.core })) };
    const { score } = take(topology, { free: '0-3,5-7', cpus: 3 });
    assert.deepEqual([score.clusters, score.sharedClusters], [2, 1]);
  });

  test('explainPlacement says how many level 2 caches are touched and shared with others', () => {
    assert.match(
      explainPlacement(take(machine('xeon-6766e'), { free: '1-3,8-11', cpus: 7 })).join(),
      /1 L3 cache, 2 L2 caches \(1 shared with others\), 7 cores/,
    );
  });
});
