import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PreparedClaim } from '../claims/prepared-claim.ts';
import { smtMachine } from '../claims/testing/fixtures.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { describeClaimStatus } from './claim-status.ts';

const machine = smtMachine({ nodes: 2, cores: 2 });

function claimOf(...sets: CpuSet[]): PreparedClaim {
  const assignments = sets.map((cpus, index) => ({
    request: `r${index}`,
    pool: 'node-a',
    device: 'cpudevnuma000',
    shareId: index === 0 ? 'share' : undefined,
    cpus,
  }));
  return { uid: 'a', namespace: 'shop', name: 'db', assignments, cpus: CpuSet.unionOf(sets) };
}
const conditions = (cpus: CpuSet, health: Parameters<typeof describeClaimStatus>[2] = []) =>
  describeClaimStatus(claimOf(cpus), machine, health)[0]?.conditions.map(({ type, status }) => `${type}=${status}`);

test('describeClaimStatus tells the CPUs with cores, NUMA nodes and L3 caches of each device', () => {
  const [first, second] = describeClaimStatus(claimOf(CpuSet.of(0, 4), CpuSet.of(1)), machine, []);
  assert.deepEqual(first?.data, { cpuset: '0,4', cores: [0], numaNodes: [0], l3Caches: [0] });
  assert.equal(first?.shareId, 'share');
  assert.deepEqual(second?.data, { cpuset: '1', cores: [1], numaNodes: [0], l3Caches: [0] });
  assert.match(second?.conditions[1]?.message ?? '', /CPU 1 is of NUMA node 0; its core also has CPU 5/);
});

test('describeClaimStatus tells how and why the CPUs were chosen, where that is known', () => {
  const claim = claimOf(CpuSet.of(0, 4));
  const assignments = claim.assignments.map((one) => ({ ...one, policy: 'packed', why: ['Why: best fit.'] }));
  const [device] = describeClaimStatus({ ...claim, assignments }, machine, []);
  assert.deepEqual([device?.data['policy'], device?.data['why']], ['packed', ['Why: best fit.']]);
});

test('describeClaimStatus judges alignment by NUMA node, and drift by the health of the device', () => {
  assert.deepEqual(conditions(CpuSet.of(0, 4)), ['Ready=True', 'Aligned=True', 'Drifted=False']);
  assert.deepEqual(conditions(CpuSet.of(0, 2)), ['Ready=True', 'Aligned=False', 'Drifted=False']);
  const sick = {
    poolName: 'node-a',
    deviceName: 'cpudevnuma000',
    health: 'Unhealthy',
    message: 'runs elsewhere',
  } as const;
  assert.deepEqual(conditions(CpuSet.of(0, 4), [sick]), ['Ready=True', 'Aligned=True', 'Drifted=True']);
});

test('describeClaimStatus says nothing of administrative access', () => {
  assert.deepEqual(describeClaimStatus(claimOf(CpuSet.empty), machine, []), []);
});

test('describeClaimStatus tells the NUMA nodes that memory is bound to', () => {
  const [device] = describeClaimStatus({ ...claimOf(CpuSet.of(0, 4)), memoryNodes: CpuSet.of(0, 1) }, machine, []);
  assert.deepEqual(device?.data['memoryNodes'], [0, 1]);
});

test('describeClaimStatus tells that the container runs on shared CPUs, too', () => {
  const [device] = describeClaimStatus({ ...claimOf(CpuSet.of(0, 4)), sharesPool: true }, machine, []);
  assert.deepEqual([device?.data['cpuset'], device?.data['sharedCPUs']], ['0,4', true]);
  assert.match(
    device?.conditions[0]?.message ?? '',
    /^CPUs 0,4 are reserved for this claim; its container runs on the shared/,
  );
});
