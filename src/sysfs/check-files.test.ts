import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSynthetic } from '../topology/synthetic.ts';
import { editMachine, readTree, type TreeEdits } from './testing/edited-machine.ts';

const machine = 'pack:2 die:1 [numa] l3:1 cluster:1 core:2 pu:2';
const base = 'sys/devices/system';

/** What checking every file finds beyond what reading does; the topology must stay the same. */
function findMore(edits: TreeEdits): string[] {
  const tree = editMachine(machine, edits);
  const [read, checked] = [readTree(tree), readTree(tree, { checkEveryFile: true })];
  assert.deepEqual({ ...checked, problems: [] }, { ...read, problems: [] });
  const known = new Set(read.problems.map(({ path, message }) => `${path} ${message}`));
  return checked.problems.map(({ path, message }) => `${path} ${message}`).filter((line) => !known.has(line));
}

test('readTopology finds nothing more in a sound tree when it checks every file', () => {
  assert.deepEqual(findMore({}), []);
  assert.deepEqual(readTree(editMachine(machine, {}), { checkEveryFile: true }), parseSynthetic(machine));
});

// CPU 4 is the second thread of core 0: reading asks CPU 0 and has no need of its files.
const lies: [name: string, edits: TreeEdits, message: string][] = [
  [
    'a sibling list',
    { set: { 'cpu/cpu4/topology/core_cpus_list': '4-5' } },
    `/${base}/cpu/cpu4/topology/core_cpus_list names CPUs "4-5"; other files say "0,4"`,
  ],
  [
    'a sibling mask',
    { set: { 'cpu/cpu4/topology/thread_siblings': '30' } },
    `/${base}/cpu/cpu4/topology/thread_siblings names CPUs "4-5"; other files say "0,4"`,
  ],
  [
    'a package list',
    { set: { 'cpu/cpu4/topology/package_cpus_list': '4' } },
    `/${base}/cpu/cpu4/topology/package_cpus_list names CPUs "4"; other files say "0-1,4-5"`,
  ],
  [
    'a package id',
    { set: { 'cpu/cpu4/topology/physical_package_id': 9 } },
    `/${base}/cpu/cpu4/topology/physical_package_id is 9; other CPUs of the group say 0`,
  ],
  [
    'a core id',
    { set: { 'cpu/cpu4/topology/core_id': -1 } },
    `/${base}/cpu/cpu4/topology/core_id is not known; other CPUs of the group say 0`,
  ],
  [
    'a cache list',
    { set: { 'cpu/cpu4/cache/index3/shared_cpu_list': '4' } },
    `/${base}/cpu/cpu4/cache/index3/shared_cpu_list names CPUs "4"; other files say "0-1,4-5"`,
  ],
  [
    'an inner cache',
    { set: { 'cpu/cpu4/cache/index0/shared_cpu_map': '10' } },
    `/${base}/cpu/cpu4/cache/index0/shared_cpu_list is "0,4"; shared_cpu_map says "4"`,
  ],
  [
    'a missing cache',
    { remove: /^cpu\/cpu4\/cache\/index3/ },
    `/${base}/cpu/cpu4/cache has no level 3 cache; other CPUs say that CPU 4 shares one`,
  ],
  [
    'a missing directory',
    { remove: /^cpu\/cpu4\/topology/ },
    `/${base}/cpu/cpu4/topology is missing; other CPUs place CPU 4`,
  ],
  ['a node mask', { set: { 'node/node0/cpumap': 'f' } }, `/${base}/node/node0/cpulist is "0-1,4-5"; cpumap says "0-3"`],
  ['the list of nodes', { set: { 'node/online': '0' } }, `/${base}/node/online is "0"; there are directories of "0-1"`],
  [
    'the CPUs present',
    { set: { 'cpu/present': '0-6' } },
    `/${base}/cpu/present is "0-6" and lacks the online CPUs "7"`,
  ],
  ['the CPUs offline', { set: { 'cpu/offline': '7' } }, `/${base}/cpu/offline is "7"; CPUs "7" are online`],
  [
    'a file of nonsense',
    { set: { 'cpu/cpu4/topology/core_id': 'zero' } },
    `/${base}/cpu/cpu4/topology/core_id is "zero"; want a whole number`,
  ],
];

for (const [name, edits, message] of lies) {
  test(`readTopology finds ${name} that contradicts the others only when it checks every file`, () => {
    const found = findMore(edits);
    assert.ok(found.includes(message), found.join('\n'));
  });
}
