import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../claims/ledger.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { parseCpuList } from '../cpuset/parse.ts';
import { type LogFields, silentLog } from '../lib/log.ts';
import type { ContainerPlace } from './container.ts';
import { Containers } from './containers.ts';
import { DriftWatch, judgeDrift } from './drift.ts';
import { claimEnv, containerFacts, preparedClaim } from './testing/fixtures.ts';

for (const [wanted, configured, effective, verdict] of [
  ['4-6', '4-6', '4-6', 'none'],
  ['4,6', '4-6', '4,6', 'none'],
  ['4-6', '0-7', '0-7', 'wide'],
  ['4-6', '4-6', '0-3,7', 'wide'],
  ['4-6', '4', '4', 'other'],
  ['4-6', '4-6', '4', 'limited'],
] as const) {
  test(`judgeDrift: wanted ${wanted}, configured ${configured}, effective ${effective} is ${verdict}`, () => {
    const reading = { configured: parseCpuList(configured), effective: parseCpuList(effective) };
    assert.equal(judgeDrift({ cpus: parseCpuList(wanted), memoryNodes: undefined }, reading), verdict);
  });
}

for (const [wanted, configured, effective, verdict] of [
  ['0', '0', '0', 'none'],
  ['0', '0-1', '0-1', 'wide'],
  ['0-1', '0', '0', 'other'],
  ['0-1', '0-1', '0', 'limited'],
  [undefined, '0-1', '0-1', 'none'],
  ['0', undefined, undefined, 'none'],
] as const) {
  test(`judgeDrift: memory wanted on ${wanted}, configured ${configured}, effective ${effective} is ${verdict}`, () => {
    const cpus = parseCpuList('2-3');
    const memoryNodes = configured && { configured: parseCpuList(configured), effective: parseCpuList(effective) };
    const place = { cpus, memoryNodes: wanted === undefined ? undefined : parseCpuList(wanted) };
    assert.equal(
      judgeDrift(place, { configured: cpus, effective: cpus, ...(memoryNodes && { memoryNodes }) }),
      verdict,
    );
  });
}

/** A node with a kernel: maps of container id to CPU list and to memory nodes, changed by updates unless `obeys` is false. */
function newNode() {
  const ledger = new Ledger({ allocatable: CpuSet.range(0, 7), reserved: CpuSet.empty });
  const containers = new Containers(ledger, silentLog);
  const kernel = new Map<string, string>();
  const memory = new Map<string, string>();
  const state = { obeys: true, online: '0-7', pushed: 0 };
  const outcomes: string[] = [];
  const warnings: string[] = [];
  const log = {
    ...silentLog,
    warn: (message: string, fields: LogFields = {}) => warnings.push(`${message} ${JSON.stringify(fields)}`),
  };
  const obey = (id: string, { cpus, memoryNodes }: ContainerPlace) => {
    kernel.set(id, cpus.toString());
    if (memoryNodes) memory.set(id, memoryNodes.toString());
  };
  const stuck: string[] = [];
  const watch = new DriftWatch(containers, {
    readCpuset: async ({ id }) => {
      const text = kernel.get(id);
      if (text === 'unreadable') throw new RangeError('EACCES');
      if (text === undefined) return undefined;
      const nodes = parseCpuList(memory.get(id) ?? '0-1');
      return {
        configured: parseCpuList(text),
        effective: parseCpuList(text).intersection(parseCpuList(state.online)),
        memoryNodes: { configured: nodes, effective: nodes },
      };
    },
    readOnline: () => parseCpuList(state.online),
    push: async () => {
      for (const update of containers.takeDueUpdates()) {
        state.pushed += 1;
        if (state.obeys) obey(update.containerId, update);
      }
    },
    onOutcome: (outcome) => outcomes.push(outcome),
    onStuck: ({ container, effective }) => stuck.push(`${container} ${effective}`),
    log,
  });
  const create = (id: string, claim?: string, options: Parameters<typeof preparedClaim>[2] = {}) => {
    if (claim !== undefined) ledger.reserve(preparedClaim(id, claim, options));
    const env = claim === undefined ? [] : claimEnv(id, claim);
    const admission = containers.create(containerFacts(id, { env }));
    obey(id, admission);
    for (const update of admission.updates) obey(update.containerId, update);
  };
  return { containers, kernel, memory, state, outcomes, warnings, stuck, watch, create };
}

test('DriftWatch N13: an update that the runtime failed without a word is repaired and counted', async () => {
  const { kernel, state, outcomes, watch, create } = newNode();
  create('web');
  create('db', '2-3');
  kernel.set('web', '0-7');
  const [first, second, third] = [await watch.check(), await watch.check(), await watch.check()];
  assert.deepEqual(
    [first.drifted.length, second.drifted.map(({ id, verdict }) => `${id} ${verdict}`)],
    [0, ['web wide']],
  );
  assert.deepEqual([third.drifted, third.checked, outcomes, state.pushed], [[], 2, ['repaired'], 1]);
  assert.equal(kernel.get('web'), '0-1,4-7');
});

test('DriftWatch reports once what withstands, and keeps trying', async () => {
  const { kernel, state, outcomes, watch, create } = newNode();
  create('db', '2-3');
  kernel.set('db', '0-7');
  state.obeys = false;
  for (let round = 0; round < 5; round += 1) await watch.check();
  assert.deepEqual([outcomes, state.pushed], [['failed'], 4]);
  state.obeys = true;
  await watch.check();
  await watch.check();
  assert.deepEqual([outcomes, kernel.get('db')], [['failed', 'repaired'], '2-3']);
});

test('DriftWatch S20: reports once a shared container that cannot be moved off CPUs of a claim', async () => {
  const { kernel, state, stuck, watch, create } = newNode();
  create('web');
  create('db', '2-3');
  kernel.set('web', '0-7');
  state.obeys = false;
  for (let round = 0; round < 5; round += 1) await watch.check();
  assert.deepEqual(stuck, ['shop/web/main 0-7']);
});

test('DriftWatch leaves a change that is under way alone', async () => {
  const { containers, kernel, state, outcomes, watch, create } = newNode();
  create('web');
  create('db', '2-3');
  kernel.set('web', '0-7');
  await watch.check();
  kernel.set('web', '0-1,4-7');
  await watch.check();
  containers.remove('db');
  assert.deepEqual([outcomes, state.pushed], [[], 0]);
});

test('DriftWatch reports CPUs that go offline under a claim, and moves a container that has none left', async () => {
  const { kernel, state, watch, create } = newNode();
  create('web');
  create('db', '4-6');
  state.online = '0-4,6-7';
  const cut = await watch.check();
  assert.deepEqual(
    cut.crippled.map(({ container, offline, isHomeless }) => `${container} ${offline} ${isHomeless}`),
    ['shop/db/main 5 false'],
  );
  assert.deepEqual([kernel.get('db'), cut.drifted], ['4,6', []]);
  state.online = '0-3,7';
  assert.deepEqual(
    (await watch.check()).crippled.map(({ isHomeless }) => isHomeless),
    [true],
  );
  assert.equal(kernel.get('db'), '0-3,7');
  state.online = '0-7';
  assert.deepEqual((await watch.check()).crippled, []);
  assert.equal(kernel.get('db'), '4-6');
});

test('DriftWatch counts what it cannot read, and tells once when that lasts', async () => {
  const { kernel, watch, warnings, create } = newNode();
  for (const id of ['a', 'b', 'c']) create(id);
  kernel.set('a', 'unreadable');
  kernel.delete('b');
  const { checked, unreadable, drifted } = await watch.check();
  assert.deepEqual([checked, unreadable, drifted, warnings], [1, 2, [], []]);
  await watch.check();
  await watch.check();
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /cannot be read.* HOST_ROOT .*"shop\/a\/main".*"EACCES","others":1/);
  kernel.set('a', '0-7');
  await watch.check();
  kernel.set('a', 'unreadable');
  await watch.check();
  assert.equal(warnings.length, 1);
  await watch.check();
  assert.equal(warnings.length, 2);
});

test('DriftWatch binds memory again that somebody let go, and leaves memory alone that is not bound', async () => {
  const { memory, state, outcomes, watch, create } = newNode();
  create('web');
  create('db', '2-3', { memoryNodes: '1' });
  memory.set('web', '0');
  memory.set('db', '0-1');
  await watch.check();
  const { drifted } = await watch.check();
  assert.deepEqual(
    drifted.map((one) => `${one.id} ${one.verdict}: ${one.state}`),
    ['db wide: has its memory on NUMA nodes 0-1 instead of 1'],
  );
  await watch.check();
  assert.deepEqual([memory.get('db'), memory.get('web'), outcomes, state.pushed], ['1', '0', ['repaired'], 1]);
});

test('DriftWatch tells CPUs and memory together', async () => {
  const { kernel, memory, watch, create } = newNode();
  create('db', '2-3', { memoryNodes: '1' });
  kernel.set('db', '0-7');
  memory.set('db', '0');
  await watch.check();
  const [drifted] = (await watch.check()).drifted;
  assert.equal(drifted?.state, 'runs on CPUs 0-7 instead of 2-3 and has its memory on NUMA nodes 0 instead of 1');
});

test('DriftWatch mends a container with shared CPUs that kept CPUs of others or lost its shared ones', async () => {
  const { kernel, outcomes, watch, create } = newNode();
  create('mixed', '2-3', { sharesPool: true });
  create('db', '4-5');
  assert.equal(kernel.get('mixed'), '0-3,6-7');
  assert.deepEqual((await watch.check()).drifted, []);
  for (const [real, verdict] of [
    ['0-7', 'wide'],
    ['2-3', 'other'],
  ] as const) {
    kernel.set('mixed', real);
    await watch.check();
    assert.deepEqual(
      (await watch.check()).drifted.map((one) => `${one.id} ${one.verdict}`),
      [`mixed ${verdict}`],
    );
    await watch.check();
    assert.equal(kernel.get('mixed'), '0-3,6-7');
  }
  assert.deepEqual(outcomes, ['repaired', 'repaired']);
});
