import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PreparedClaim } from '../claims/prepared-claim.ts';
import { parseCpuList } from '../cpuset/parse.ts';
import type { DriftReport } from '../containers/drift.ts';
import { type HealthFacts, judgeHealth } from './health.ts';
import { claimEnv, containerFacts } from '../containers/testing/fixtures.ts';

const CPUS_A = parseCpuList('2-3');
const claim: PreparedClaim = {
  uid: 'a',
  namespace: 'shop',
  name: 'db',
  assignments: [{ request: 'cpus', pool: 'node-a', device: 'cpudevnuma000', shareId: undefined, cpus: CPUS_A }],
  cpus: CPUS_A,
};
const container = containerFacts('c1', { env: claimEnv('a', CPUS_A) });
const well: HealthFacts = {
  pool: 'node-a',
  deviceNames: ['cpudevnuma000', 'cpudevnuma001'],
  claims: [claim],
  containers: [{ facts: container, claimUids: ['a'] }],
  online: parseCpuList('0-7'),
  drift: { checked: 1, unreadable: 0, drifted: [], crippled: [] },
  notPinning: undefined,
};
const summarize = (facts: Partial<HealthFacts>) =>
  judgeHealth({ ...well, ...facts }).map(({ deviceName, health, message }) =>
    `${deviceName} ${health} ${message}`.trim(),
  );

test('judgeHealth finds every device healthy when nothing is wrong', () => {
  assert.deepEqual(summarize({}), ['cpudevnuma000 Healthy', 'cpudevnuma001 Healthy']);
});

test('judgeHealth blames the device of a claim whose CPUs are offline, and only that', () => {
  assert.deepEqual(summarize({ online: parseCpuList('0-2,4-7') }), [
    'cpudevnuma000 Unhealthy CPU 3 of claim shop/db is offline',
    'cpudevnuma001 Healthy',
  ]);
});

const wideDrift: DriftReport = {
  checked: 1,
  unreadable: 0,
  crippled: [],
  drifted: [
    {
      container: 'shop/db/main',
      id: 'c1',
      verdict: 'wide',
      wanted: CPUS_A,
      effective: parseCpuList('0-7'),
      isStuck: false,
      state: 'runs on CPUs 0-7 instead of 2-3',
    },
  ],
};

test('judgeHealth blames the device of a drifted container', () => {
  assert.deepEqual(
    summarize({ drift: wideDrift })[0],
    'cpudevnuma000 Unhealthy container shop/db/main runs on CPUs 0-7 instead of 2-3',
  );
});

test('judgeHealth blames no device for a container that only names its claim', () => {
  const containers = [{ facts: container, claimUids: [] }];
  assert.deepEqual(summarize({ containers, drift: wideDrift })[0], 'cpudevnuma000 Healthy');
});

test('judgeHealth knows nothing for sure while containers are not pinned, but what it knows it tells', () => {
  assert.deepEqual(summarize({ notPinning: 'no NRI connection', online: parseCpuList('0-2,4-7') }), [
    'cpudevnuma000 Unhealthy CPU 3 of claim shop/db is offline',
    'cpudevnuma001 Unknown no NRI connection',
  ]);
});

test('judgeHealth tells of a device that only its claim still knows', () => {
  assert.deepEqual(summarize({ deviceNames: [], online: parseCpuList('0-1') }), [
    'cpudevnuma000 Unhealthy CPUs 2-3 of claim shop/db are offline',
  ]);
});

test('judgeHealth S20: names the shared container that cannot be moved off the CPUs of a claim, on that claim', () => {
  const stuck = { container: 'web/front/main', id: 'c9', verdict: 'wide', wanted: parseCpuList('4-7') } as const;
  const drift = (isStuck: boolean): DriftReport => ({
    ...wideDrift,
    drifted: [{ ...stuck, effective: parseCpuList('0-7'), isStuck, state: 'runs on CPUs 0-7 instead of 4-7' }],
  });
  const healthy = ['cpudevnuma000 Healthy', 'cpudevnuma001 Healthy'];
  assert.deepEqual(summarize({ drift: drift(false) }), healthy, 'while it is being moved');
  assert.deepEqual(summarize({ drift: drift(true) }), [
    'cpudevnuma000 Unhealthy container web/front/main runs on its CPUs 2-3 and cannot be moved off them',
    'cpudevnuma001 Healthy',
  ]);
});
