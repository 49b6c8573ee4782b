import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../claims/ledger.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { silentLog } from '../lib/log.ts';
import type { CpusetUpdate } from './container.ts';
import { Containers } from './containers.ts';
import { UpdatePusher } from './push-updates.ts';
import { containerFacts, preparedClaim } from './testing/fixtures.ts';

function newNode(shared: number, send: (updates: readonly CpusetUpdate[]) => Promise<'applied' | 'withheld'>) {
  const ledger = new Ledger({ allocatable: CpuSet.range(0, 7), reserved: CpuSet.empty });
  const containers = new Containers(ledger, silentLog);
  for (let index = 0; index < shared; index += 1) containers.create(containerFacts(`web-${index}`));
  const slow: string[] = [];
  const pusher = new UpdatePusher(containers, {
    send,
    sendSlowly: async (updates) => void slow.push(...updates.map(({ cpus }) => cpus.toString())),
    log: silentLog,
  });
  return { ledger, containers, pusher, slow };
}

test('UpdatePusher N2: tells the runtime at once, in calls that do not hold it up', async () => {
  const calls: number[] = [];
  const { ledger, containers, pusher } = newNode(100, async (updates) => {
    calls.push(updates.length);
    return 'applied';
  });
  ledger.reserve(preparedClaim('u1', '2-3'));
  await pusher.push();
  assert.deepEqual(calls, [32, 32, 32, 4]);
  assert.deepEqual(containers.takeDueUpdates(), []);
  await pusher.push();
  assert.equal(calls.length, 4);
});

test('UpdatePusher N3: sends nothing where the runtime may deadlock, but by other means when it must', async () => {
  const { ledger, containers, pusher, slow } = newNode(1, async () => 'withheld');
  ledger.reserve(preparedClaim('u1', '2-3'));
  await pusher.push();
  assert.deepEqual(slow, []);
  await pusher.push({ byAllMeans: true });
  assert.deepEqual(slow, ['0-1,4-7']);
  assert.deepEqual(containers.takeDueUpdates(), []);
});

test('UpdatePusher keeps due what was not applied, and never rejects', async () => {
  let fail = true;
  const sent: string[] = [];
  const { ledger, pusher } = newNode(1, async (updates) => {
    if (fail) throw new RangeError('NRI update of some containers failed');
    sent.push(...updates.map(({ cpus }) => cpus.toString()));
    return 'applied';
  });
  ledger.reserve(preparedClaim('u1', '2-3'));
  await pusher.push({ byAllMeans: true });
  fail = false;
  await pusher.push();
  assert.deepEqual(sent, ['0-1,4-7']);
});

test('UpdatePusher: containers that cannot be updated do not keep the others from it', async () => {
  const sent = new Set<string>();
  let calls = 0;
  const { ledger, containers, pusher } = newNode(70, async (updates) => {
    calls += 1;
    if (updates.some(({ containerId }) => containerId === 'web-3')) throw new RangeError('no');
    for (const { containerId } of updates) sent.add(containerId);
    return 'applied';
  });
  ledger.reserve(preparedClaim('u1', '2-3'));
  await pusher.push();
  assert.deepEqual([sent.size, calls], [38, 3]);
  assert.equal(containers.takeDueUpdates().length, 32);
});

test('UpdatePusher sends again what an answer overtook, and what changed while it sent', async () => {
  const sent: string[] = [];
  const hold: (() => void)[] = [];
  const { ledger, containers, pusher } = newNode(1, (updates) => {
    sent.push(...updates.map(({ cpus }) => cpus.toString()));
    return new Promise((resolve) => hold.push(() => resolve('applied')));
  });
  ledger.reserve(preparedClaim('u1', '2-3'));
  const pushed = pusher.push();
  ledger.reserve(preparedClaim('u2', '4'));
  containers.create(containerFacts('late'));
  void pusher.push();
  while (hold.length > 0) {
    hold.shift()?.();
    await new Promise((done) => setImmediate(done));
  }
  await pushed;
  assert.deepEqual(sent, ['0-1,4-7', '0-1,5-7']);
});
