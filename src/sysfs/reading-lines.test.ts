/** The topology lines T1 to T11 as far as reading goes; what is chosen from such machines is tested in placement/. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { enumerateDevices } from '../devices/device.ts';
import { takeCpus } from '../placement/take-cpus.ts';
import { buildMachine, type CoreBlueprint } from '../topology/blueprint.ts';
import { editMachine, listsOf, readEdited, readTree } from './testing/edited-machine.ts';

const cpus = (count: number) => Array.from({ length: count }, (_, cpu) => cpu);

test('T1: core ids that repeat per package are different cores, so that a claim stays in its NUMA node', () => {
  const set = Object.fromEntries(cpus(32).map((cpu) => [`cpu/cpu${cpu}/topology/core_id`, cpu % 8]));
  const topology = readEdited('pack:2 [numa] core:8 pu:2', { set });
  assert.equal(topology.cores.length, 16);
  const free = (topology.numaNodes[0]?.cpus ?? CpuSet.empty).difference(CpuSet.of(0));
  assert.equal(`${takeCpus(topology, { free, cpus: 4, policy: 'packed' }).cpus}`, '1-2,17-18');
});

test('T2: two L3 caches of one node are two, whatever their index and id', () => {
  const set = Object.fromEntries(cpus(16).map((cpu) => [`cpu/cpu${cpu}/cache/index3/id`, 0]));
  const topology = readEdited('l3:2 core:4 pu:2', { set });
  assert.equal(listsOf(topology.l3Caches), '0-3,8-11 4-7,12-15');
});

test('T3: L3 caches of uneven size keep their own CPUs', () => {
  const lists = ['0-3', '0-3', '0-3', '0-3', '4-9', '4-9', '4-9', '4-9', '4-9', '4-9'];
  const set = Object.fromEntries(lists.map((list, cpu) => [`cpu/cpu${cpu}/cache/index3/shared_cpu_list`, list]));
  assert.equal(listsOf(readEdited('l3:1 core:10', { set }).l3Caches), '0-3 4-9');
});

test('T4: P-cores have two threads and E-cores one, and each CPU its type', () => {
  const core = (coreId: number, isEfficient: boolean): CoreBlueprint => ({
    socket: 0,
    numaNode: 0,
    coreId,
    threads: isEfficient ? 1 : 2,
    isEfficient,
  });
  const cores = [...cpus(4).map((id) => core(id, false)), ...cpus(8).map((id) => core(4 + id, true))];
  const topology = readTree(editMachine(buildMachine({ cores, numbering: 'threads-adjacent' }), {}));
  assert.deepEqual(
    topology.cores.map(({ cpus: own }) => own.size),
    [2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1],
  );
  assert.deepEqual(
    topology.cpus.map(({ coreType }) => coreType),
    [...Array(8).fill('p-core'), ...Array(8).fill('e-core')],
  );
});

test('T5: one offline thread leaves its core with one thread and every other core whole', () => {
  const topology = readEdited('core:8 pu:2', {
    set: {
      'cpu/online': '0-7,9-15',
      'cpu/cpu0/topology/core_cpus_list': '0',
      'cpu/cpu0/topology/thread_siblings_list': '0',
    },
    remove: /^cpu\/cpu8\/(topology|cache)/,
  });
  assert.equal(listsOf(topology.cores), '0 1,9 2,10 3,11 4,12 5,13 6,14 7,15');
  assert.equal(`${takeCpus(topology, { free: topology.online, cpus: 4, policy: 'packed' }).cpus}`, '1-2,9-10');
});

test('T6: a core of four threads lists all four siblings', () => {
  const topology = readEdited('core:2 pu:4', { remove: /core_cpus|package_cpus|die_cpus|cluster_/ });
  assert.deepEqual(
    topology.cpus.map(({ siblings }) => siblings.size),
    Array(8).fill(4),
  );
});

test('T7: an Arm machine with cluster id 65535, die id -1 and no L3 cache has none of these rather than numbers', () => {
  const edits = Object.fromEntries(cpus(4).map((cpu) => [`cpu/cpu${cpu}/topology/die_id`, -1]));
  const topology = readEdited('core:4', { set: edits, remove: /\/index3\// });
  assert.deepEqual(topology.l3Caches, []);
  for (const { die, cluster, l3Cache } of topology.cpus)
    assert.deepEqual([die, cluster, l3Cache], [undefined, undefined, undefined]);
  assert.doesNotMatch(JSON.stringify(topology), /-1\b|65535|null/);
});

test('T8: a huge package id and -1 make valid device names, the same after a restart', () => {
  for (const id of [268435456, -1]) {
    const set = Object.fromEntries(
      cpus(4).map((cpu) => [`cpu/cpu${cpu}/topology/physical_package_id`, cpu < 2 ? id : 36]),
    );
    const names = () => {
      const topology = readEdited('pack:2 core:2', { set });
      const { devices } = enumerateDevices(topology, { kind: 'grouped', groupBy: 'socket' }, CpuSet.empty);
      return devices.map(({ name }) => name);
    };
    assert.equal(names().length, 2);
    for (const name of names()) assert.match(name, /^cpudevsocket\d{3}$/);
    assert.deepEqual(names(), names());
  }
});

test('T9: without node and cache directories and with package -1 every CPU is usable, in node 0', () => {
  const set = Object.fromEntries(cpus(4).map((cpu) => [`cpu/cpu${cpu}/topology/physical_package_id`, -1]));
  const topology = readEdited('core:4', { set, remove: /^node\/|\/node\d+$|\/cache\/|package_cpus|core_siblings/ });
  assert.deepEqual(
    [`${topology.online}`, listsOf(topology.sockets), listsOf(topology.numaNodes)],
    ['0-3', '0-3', '0-3'],
  );
  assert.equal(topology.l3Caches.length, 0);
});

test('T10: a CPU whose topology cannot be read is in no group and no capacity, and reported', () => {
  const topology = readEdited('core:4', { remove: /^cpu\/cpu3\/topology\// });
  assert.deepEqual(
    [`${topology.online}`, listsOf(topology.sockets), listsOf(topology.numaNodes)],
    ['0-2', '0-2', '0-2'],
  );
  const { devices } = enumerateDevices(topology, { kind: 'grouped', groupBy: 'machine' }, CpuSet.empty);
  assert.deepEqual(
    devices.map((device) => `${device.cpus}`),
    ['0-2'],
  );
  assert.ok(topology.problems.some(({ message }) => message.includes('does not tell the core of CPU 3')));
});

test('T11: reserving a CPU and its sibling takes both out of every kind of device', () => {
  const topology = readEdited('pack:1 l3:2 core:2 pu:2', {});
  const reserved = topology.cpus[0]?.siblings ?? CpuSet.empty;
  for (const groupBy of ['numanode', 'socket', 'machine', 'l3cache'] as const) {
    const { allocatable } = enumerateDevices(topology, { kind: 'grouped', groupBy }, reserved);
    assert.equal(`${allocatable}`, '1-3,5-7', groupBy);
  }
  assert.equal(`${enumerateDevices(topology, { kind: 'individual' }, reserved).allocatable}`, '1-3,5-7');
});
