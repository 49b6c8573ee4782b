import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CATALOGUE } from './catalogue.ts';
import type { CpuTopology } from './topology.ts';

function machine(name: string): CpuTopology {
  const found = CATALOGUE.find((one) => one.name === name);
  assert.ok(found, name);
  return found.build();
}

const nodesOf = (name: string) => machine(name).numaNodes.map(({ cpus }) => cpus.toString());
const socketsOf = (name: string) => machine(name).sockets.map(({ cpus }) => cpus.toString());

test('CATALOGUE gives every machine its own lower-case name, a summary and the source of its facts', () => {
  const names = CATALOGUE.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, summary, source } of CATALOGUE) {
    assert.match(name, /^[a-z0-9-]+$/);
    assert.ok(summary.length > 20 && source.length > 20, name);
  }
});

test('CATALOGUE numbers EPYC servers first threads first, socket by socket', () => {
  assert.deepEqual(socketsOf('epyc-7763'), ['0-63,128-191', '64-127,192-255']);
  assert.deepEqual(nodesOf('epyc-7763-nps4').slice(0, 2), ['0-15,128-143', '16-31,144-159']);
  assert.equal(nodesOf('epyc-7763-nps4')[4], '64-79,192-207');
  assert.equal(nodesOf('epyc-7763-l3-numa').length, 16);
  assert.deepEqual(socketsOf('epyc-9754'), ['0-127,256-383', '128-255,384-511']);
  assert.deepEqual(socketsOf('epyc-9965-nps4'), ['0-191,384-575', '192-383,576-767']);
  assert.equal(machine('epyc-9965-nps4').l3Caches.length, 24);
});

test('CATALOGUE keeps the order of the caches and the core numbers of Genoa', () => {
  const { l3Caches, cores, numaNodes } = machine('epyc-9654-nps4');
  assert.deepEqual(
    l3Caches.map(({ l3CacheId }) => l3CacheId).slice(0, 15),
    [0, 4, 8, 2, 6, 10, 3, 7, 11, 1, 5, 9, 16, 20, 24],
  );
  assert.deepEqual(
    [0, 7, 8, 16, 24].map((core) => cores[core]?.coreId),
    [0, 7, 32, 64, 16],
  );
  assert.equal(`${numaNodes[0]?.cpus}`, '0-23,192-215');
});

test('CATALOGUE lets the cache of a Xeon span its sub-NUMA clusters', () => {
  assert.deepEqual(nodesOf('xeon-8490h-snc4').slice(0, 2), ['0-14,120-134', '15-29,135-149']);
  assert.deepEqual(
    machine('xeon-8490h-snc4').l3Caches.map(({ cpus, sizeKiB }) => `${cpus} ${sizeKiB}`),
    ['0-59,120-179 115200', '60-119,180-239 115200'],
  );
  assert.deepEqual(nodesOf('xeon-6980p').slice(0, 4), [
    '0-42,256-298',
    '43-85,299-341',
    '86-127,342-383',
    '128-170,384-426',
  ]);
});

test('CATALOGUE alternates sockets where the firmware does', () => {
  const { numaNodes, sockets } = machine('xeon-snc2-alternating');
  assert.deepEqual(
    numaNodes.map(({ cpus }) => cpus.toArray().slice(0, 3).join()),
    ['0,4,8', '1,5,9', '2,6,10', '3,7,11'],
  );
  assert.deepEqual(
    sockets.map(({ cpus }) => cpus.toArray().slice(0, 3).join()),
    ['0,2,4', '1,3,5'],
  );
});

test('CATALOGUE numbers the threads of clients and POWER next to each other', () => {
  const desktop = machine('i9-13900k');
  assert.equal(
    desktop.cpus
      .filter(({ coreType }) => coreType === 'p-core')
      .map(({ cpu }) => cpu)
      .at(-1),
    15,
  );
  assert.deepEqual(
    desktop.cores.slice(7, 10).map(({ coreId, cpus }) => `${coreId}: ${cpus}`),
    ['28: 14-15', '32: 16', '33: 17'],
  );
  assert.equal(`${machine('power10-smt8').cores[1]?.cpus}`, '8-15');
});

test('CATALOGUE has machines without threads, without L3 caches and with nodes of memory only', () => {
  assert.deepEqual(socketsOf('xeon-6766e'), ['0-143', '144-287']);
  assert.deepEqual([machine('altra-q80').l3Caches.length, socketsOf('altra-q80')[1]], [0, '80-159']);
  assert.deepEqual(nodesOf('gh200'), ['0-71', '', '', '', '', '', '', '', '']);
});
