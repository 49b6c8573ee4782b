import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertProperty, constantFrom, integer, property, record, string, uniqueArray } from 'fast-check';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { parseSynthetic } from '../topology/synthetic.ts';
import { topologyFromJson } from '../topology/topology-from-json.ts';
import { topologyToJson } from '../topology/topology-json.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { readTopologyFrom, TopologyError } from './read-topology.ts';
import { editMachine, listsOf, readEdited, readTree } from './testing/edited-machine.ts';
import { openMemorySysfs, systemTree } from './testing/memory-sysfs.ts';

/** Every online CPU is in one socket, core and node, and in one cache at most. */
function assertPartition(topology: CpuTopology): void {
  for (const groups of [topology.sockets, topology.cores, topology.numaNodes, topology.l3Caches]) {
    let seen = CpuSet.empty;
    for (const { cpus } of groups) {
      assert.ok(!cpus.intersects(seen));
      seen = seen.union(cpus);
    }
    assert.ok(groups === topology.l3Caches ? seen.isSubsetOf(topology.online) : seen.equals(topology.online));
  }
  assert.equal(topology.cpus.length, topology.online.size);
}

const everyTopologyFile = /^cpu\/cpu\d+\/topology\//;
const messagesOf = ({ problems }: { problems: readonly { path: string; message: string }[] }) =>
  problems.map(({ path, message }) => `${path} ${message}`);

test('readTopology takes the online CPUs from the CPUs own files where there is no cpu/online', () => {
  const topology = readEdited('core:4', {
    set: { 'cpu/online': undefined, 'cpu/present': undefined, 'cpu/cpu2/online': 0 },
  });
  assert.deepEqual([`${topology.online}`, `${topology.offline}`], ['0-1,3', '2']);
});

test('readTopology takes a CPU without an online file for online: it cannot be switched off', () => {
  const topology = readEdited('core:2', { set: { 'cpu/online': undefined, 'cpu/cpu0/online': undefined } });
  assert.equal(`${topology.online}`, '0-1');
});

test('readTopology falls back to the CPUs own files where cpu/online is damaged, and reports it', () => {
  const topology = readEdited('core:2', { set: { 'cpu/online': '0-x' } });
  assert.equal(`${topology.online}`, '0-1');
  assert.match(messagesOf(topology).join(), /\/sys\/devices\/system\/cpu\/online .*0-x/);
});

test('readTopology passes over directories with numbers that no CPU can have', () => {
  const topology = readEdited('core:2', { set: { 'cpu/online': undefined, 'cpu/cpu99999/online': 1 } });
  assert.equal(`${topology.online}`, '0-1');
});

test('readTopology keeps holes in the numbering, CPU 0 off and possible CPUs that never came', () => {
  const topology = readEdited('pack:2 core:4', {
    set: { 'cpu/online': '1-2,5-7', 'cpu/present': '0-7', 'cpu/possible': '0-63' },
    remove: /^cpu\/cpu[034]\/(topology|cache)/,
  });
  assert.deepEqual([`${topology.online}`, `${topology.offline}`], ['1-2,5-7', '0,3-4']);
  assert.equal(listsOf(topology.sockets), '1-2 5-7');
  assert.equal(listsOf(topology.cores), '1 2 5 6 7');
  assert.deepEqual(
    topology.cores.map(({ core }) => core),
    [0, 1, 2, 3, 4],
  );
});

test('readTopology leaves offline siblings out of cores, caches and nodes', () => {
  const topology = readEdited('l3:1 core:4 pu:2', { set: { 'cpu/online': '0-4,6-7' } });
  assert.equal(listsOf(topology.cores), '0,4 1 2,6 3,7');
  assert.equal(listsOf(topology.l3Caches), '0-4,6-7');
  assert.equal(listsOf(topology.numaNodes), '0-4,6-7');
  assert.deepEqual(topology.problems, []);
});

test('readTopology tells cores apart whose core_id repeats in another socket or die', () => {
  const set = Object.fromEntries(Array.from({ length: 8 }, (_, cpu) => [`cpu/cpu${cpu}/topology/core_id`, cpu % 2]));
  const topology = readEdited('pack:2 die:2 core:2', { set });
  assert.equal(topology.cores.length, 8);
  assert.deepEqual(
    topology.cores.map(({ coreId }) => coreId),
    [0, 1, 0, 1, 0, 1, 0, 1],
  );
});

test('readTopology keeps the core_id of every thread where those of one core differ', () => {
  const set = Object.fromEntries([0, 1, 2, 3].map((cpu) => [`cpu/cpu${cpu}/topology/core_id`, 10 + cpu]));
  const topology = readEdited('core:2 pu:2', { set });
  const idsOf = (read: typeof topology) => read.cpus.map(({ coreId }) => coreId);
  assert.deepEqual([listsOf(topology.cores), idsOf(topology)], ['0,2 1,3', [10, 11, 12, 13]]);
  const json: unknown = JSON.parse(JSON.stringify(topologyToJson(topology)));
  assert.deepEqual(idsOf(topologyFromJson(json)), [10, 11, 12, 13]);
});

test('readTopology tells sockets apart by their CPUs where every package id is -1', () => {
  const topology = readEdited('pack:2 core:2', {
    set: Object.fromEntries([0, 1, 2, 3].map((cpu) => [`cpu/cpu${cpu}/topology/physical_package_id`, -1])),
  });
  assert.equal(listsOf(topology.sockets), '0-1 2-3');
  assert.deepEqual(
    topology.sockets.map(({ socketId }) => socketId),
    [undefined, undefined],
  );
});

test('readTopology keeps package ids that are huge or sparse, and missing ones undefined', () => {
  const topology = readEdited('pack:3 core:1', {
    set: {
      'cpu/cpu0/topology/physical_package_id': 268435456,
      'cpu/cpu1/topology/physical_package_id': 36,
      'cpu/cpu2/topology/physical_package_id': undefined,
    },
  });
  assert.deepEqual(
    topology.sockets.map(({ socket, socketId }) => [socket, socketId]),
    [
      [0, 268435456],
      [1, 36],
      [2, undefined],
    ],
  );
});

test('readTopology knows no die where die_id is -1, and no cluster where cluster_id is 65535 or -1', () => {
  const topology = readEdited('pack:2 core:4', { set: { 'cpu/cpu0/topology/cluster_id': -1 } });
  assert.deepEqual(
    topology.cpus.map(({ die, cluster }) => [die, cluster]),
    Array.from({ length: 8 }, () => [undefined, undefined]),
  );
});

test('readTopology finds clusters that only one kind of core has', () => {
  const set = Object.fromEntries([0, 1].map((cpu) => [`cpu/cpu${cpu}/topology/cluster_id`, 65535]));
  const topology = readEdited('cluster:2 core:2', { set });
  assert.deepEqual(
    topology.cpus.map(({ cluster }) => cluster),
    [undefined, undefined, 0, 0],
  );
});

test('readTopology finds dies by number where the kernel lists no CPUs of dies', () => {
  const topology = readEdited('pack:2 die:2 core:2', { remove: /die_cpus/ });
  assert.deepEqual(
    topology.cpus.map(({ die }) => die),
    [0, 0, 1, 1, 2, 2, 3, 3],
  );
});

test('readTopology finds level 3 caches at any index, by level', () => {
  const { files, links } = editMachine('l3:2 core:2', {});
  const moved = new Map(
    [...files].map(([path, text]) => [path.replace('/index3/', '/index7/').replace('/index0/', '/index3/'), text]),
  );
  assert.equal(listsOf(readTree({ files: moved, links }).l3Caches), '0-1 2-3');
});

test('readTopology identifies a level 3 cache by its CPUs where the id is absent, repeats or differs within one', () => {
  const caches = (id: (cpu: number) => string | undefined) =>
    listsOf(
      readEdited('l3:2 core:2', {
        set: Object.fromEntries([0, 1, 2, 3].map((cpu) => [`cpu/cpu${cpu}/cache/index3/id`, id(cpu)])),
      }).l3Caches,
    );
  assert.equal(
    caches(() => undefined),
    '0-1 2-3',
  );
  assert.equal(
    caches(() => '0'),
    '0-1 2-3',
  );
  assert.equal(
    caches((cpu) => `${cpu}`),
    '0-1 2-3',
  );
});

test('readTopology leaves CPUs without a level 3 cache in none', () => {
  const topology = readEdited('l3:2 core:2', { remove: /^cpu\/cpu[23]\/cache/ });
  assert.deepEqual(
    topology.cpus.map(({ l3Cache }) => l3Cache),
    [0, 0, undefined, undefined],
  );
});

test('readTopology finds level 3 caches of uneven size, and ones wider than a node or a socket', () => {
  const set = Object.fromEntries(
    ['0', '1-3', '1-3', '1-3'].map((cpus, cpu) => [`cpu/cpu${cpu}/cache/index3/shared_cpu_list`, cpus]),
  );
  assert.equal(listsOf(readEdited('pack:2 l3:1 core:2', { set }).l3Caches), '0 1-3');
});

for (const [form, remove] of [
  ['masks', /_list$|cpulist/],
  ['lists', /_cpus$|_siblings$|_map$|cpumap$|cpuaffinity$/],
] as const) {
  test(`readTopology finds the same by ${form} alone`, () => {
    const text = 'pack:2 die:1 numa:1 l3:2 core:20 pu:2';
    assert.deepEqual(readEdited(text, { remove }), parseSynthetic(text));
  });

  test(`readTopology reads a CPU by ${form} where only it lacks the others`, () => {
    for (const cpu of [0, 2]) {
      const ofCpu = new RegExp(`^cpu/cpu${cpu}/.*(${remove.source})`);
      const topology = readEdited('pack:2 l3:1 core:2', { remove: ofCpu });
      assert.deepEqual(topology, parseSynthetic('pack:2 l3:1 core:2'), `CPU ${cpu}`);
    }
  });
}

test('readTopology trusts a mask more than a list: Linux cuts a long one at the end of a page', () => {
  const set = { 'cpu/cpu0/cache/index3/shared_cpu_list': '0,2', 'cpu/cpu0/cache/index3/shared_cpu_map': '55' };
  const topology = readEdited('pack:2 l3:1 core:4', { set: { ...set, 'cpu/cpu1/cache/index3/shared_cpu_map': 'aa' } });
  assert.equal(listsOf(topology.l3Caches), '0,2,4,6 1,3,5,7');
});

test('readTopology has one node 0 with every CPU where there are no node directories', () => {
  const { numaNodes, cpus, problems } = readEdited('pack:2 core:2', { remove: /^node\/|\/node\d+$/ });
  assert.deepEqual(
    numaNodes.map(({ numaNode, cpus: own, hasMemory, distances }) => [numaNode, `${own}`, hasMemory, distances]),
    [[0, '0-3', undefined, undefined]],
  );
  assert.deepEqual([cpus.every(({ numaNode }) => numaNode === 0), problems], [true, []]);
});

test('readTopology keeps nodes without CPUs, sparse node ids and distances', () => {
  const topology = readTree(
    systemTree({
      'cpu/online': '0-1',
      'cpu/cpu0/topology/core_id': 0,
      'cpu/cpu0/topology/physical_package_id': 0,
      'cpu/cpu1/topology/core_id': 1,
      'cpu/cpu1/topology/physical_package_id': 0,
      'node/node0/cpulist': '0',
      'node/node0/distance': '10 40 80',
      'node/node8/cpulist': '1',
      'node/node8/distance': '40 10 80',
      'node/node252/cpulist': '',
      'node/node252/distance': '80 80 10',
    }),
  );
  assert.deepEqual(
    topology.numaNodes.map(({ numaNode, cpus, distances }) => [numaNode, `${cpus}`, distances]),
    [
      [0, '0', [10, 40, 80]],
      [8, '1', [40, 10, 80]],
      [252, '', [80, 80, 10]],
    ],
  );
});

for (const [what, set, wanted] of [
  ['has_memory', {}, [true, true]],
  [
    'has_memory, whatever has_normal_memory says',
    { 'node/has_memory': '1', 'node/has_normal_memory': '0' },
    [false, true],
  ],
  [
    'has_normal_memory of older kernels',
    { 'node/has_memory': undefined, 'node/has_normal_memory': '0' },
    [true, false],
  ],
  ['neither', { 'node/has_memory': undefined }, [undefined, undefined]],
] as const) {
  test(`readTopology reads which nodes have memory from ${what}`, () => {
    const { numaNodes, problems } = readEdited('numa:2 core:2', { set });
    assert.deepEqual([numaNodes.map(({ hasMemory }) => hasMemory), problems], [wanted, []]);
  });
}

test('readTopology gives a CPU of overlapping nodes to the lowest, and reports the overlap', () => {
  const topology = readEdited('numa:2 core:2', { set: { 'node/node1/cpulist': '1-3' } });
  assert.equal(listsOf(topology.numaNodes), '0-1 2-3');
  assert.match(messagesOf(topology).join(), /node1 lists CPUs "1", which are in a lower node too/);
});

test('readTopology places a CPU that no node lists by its own node entry', () => {
  const topology = readEdited('numa:2 core:2', { set: { 'node/node1/cpulist': '2', 'node/node1/cpumap': 4 } });
  assert.equal(listsOf(topology.numaNodes), '0-1 2-3');
});

for (const threads of [1, 2, 4, 8]) {
  test(`readTopology finds cores of ${threads} threads`, () => {
    const { cores } = readEdited(`core:3 pu:${threads}`, {});
    assert.deepEqual(
      cores.map(({ cpus }) => cpus.size),
      [threads, threads, threads],
    );
  });
}

test('readTopology counts the threads of every core by itself where cores differ', () => {
  const set = {
    'cpu/cpu3/topology/core_cpus_list': '3',
    'cpu/cpu1/topology/core_cpus_list': '1',
    'cpu/cpu1/topology/core_id': 7,
  };
  assert.equal(listsOf(readEdited('core:2 pu:2', { set }).cores), '0,2 1 3');
});

test('readTopology refuses a tree without CPUs, and one without topology directories, by name', () => {
  const failure = (tree: Parameters<typeof readTree>[0]) => {
    try {
      readTree(tree, { hostRoot: '/host' });
    } catch (error) {
      if (error instanceof TopologyError) return `${error.code}: ${error.message}`;
      throw error;
    }
    return 'none';
  };
  assert.match(failure(systemTree({})), /^NoCpus: Cannot read the CPU topology under "\/host": no CPU/);
  assert.match(
    failure(editMachine('core:2', { remove: everyTopologyFile })),
    /^NoTopology: Cannot read .* none of the CPUs 0-1 has a topology directory/,
  );
  assert.match(
    failure(systemTree({ 'cpu/online': '0', 'cpu/cpu0/topology/ppin': '0x0' })),
    /^NoTopology: .*no file tells the core/,
  );
});

test('readTopology keeps a CPU whose files contradict another, once, and reports the file', () => {
  const topology = readEdited('core:2 pu:2', { set: { 'cpu/cpu1/topology/core_cpus_list': '0-1' } });
  assert.deepEqual([`${topology.online}`, listsOf(topology.cores)], ['0-3', '0,2 1 3']);
  assert.match(messagesOf(topology).join(), /cpu1\/topology\/core_cpus_list is "0-1"; .*place "0" elsewhere/);
});

test('readTopology places a CPU that tells nothing where its siblings list it, be it the first or the last of them', () => {
  for (const cpu of [0, 2]) {
    const topology = readEdited('core:2 pu:2', { remove: new RegExp(`^cpu/cpu${cpu}/topology`) });
    assert.deepEqual([listsOf(topology.sockets), listsOf(topology.cores)], ['0-3', '0,2 1,3'], `CPU ${cpu}`);
  }
});

test('readTopology passes over a set that lacks its own CPU, and reports it', () => {
  const topology = readEdited('l3:2 core:2', { set: { 'cpu/cpu2/cache/index3/shared_cpu_map': '3' } });
  assert.equal(listsOf(topology.l3Caches), '0-1 2-3');
  assert.match(messagesOf(topology).join(), /shared_cpu_map is "0-1" and lacks its own CPU 2/);
});

test('readTopology takes "(null)" in nohz_full and isolated for none, and keeps isolated CPUs online', () => {
  const topology = readEdited('core:4', { set: { 'cpu/isolated': '2-3', 'cpu/nohz_full': '(null)' } });
  assert.deepEqual(
    topology.cpus.map(({ isolated }) => isolated),
    [false, false, true, true],
  );
  assert.deepEqual([`${topology.online}`, `${topology.nohzFull}`, topology.problems.length], ['0-3', '', 0]);
});

test('readTopology asks one CPU of a group: files grow with cores and caches, not with CPUs', () => {
  const count = (text: string) => {
    const sysfs = openMemorySysfs(editMachine(text, {}));
    readTopologyFrom(sysfs, { hostRoot: '/', pcieRoots: false });
    return sysfs.counts.files;
  };
  const [twoThreads, eightThreads] = [count('pack:2 l3:2 core:8 pu:2'), count('pack:2 l3:2 core:8 pu:8')];
  assert.equal(eightThreads, twoThreads);
});

test('readTopology never throws anything but TopologyError, whatever the files say', () => {
  const paths = [...editMachine('pack:2 die:2 numa:1 l3:1 core:1 pu:2', {}).files.keys()]
    .filter((path) => path.startsWith('sys/devices/system/'))
    .map((path) => path.slice('sys/devices/system/'.length));
  const junk = constantFrom(
    '',
    '-1',
    '0',
    '0-',
    '3',
    '0-7',
    '7-0',
    '99999',
    'ffffffff',
    '00000000,00000003',
    '(null)',
    '\0',
  );
  const edit = record({ path: constantFrom(...paths), text: junk });
  assertProperty(
    property(uniqueArray(edit, { maxLength: 12 }), string(), integer({ min: 0, max: 1 }), (edits, noise, isNoisy) => {
      const set = Object.fromEntries(edits.map(({ path, text }) => [path, isNoisy ? noise : text]));
      try {
        const topology = readTree(editMachine('pack:2 die:2 numa:1 l3:1 core:1 pu:2', { set }), {
          checkEveryFile: true,
        });
        assertPartition(topology);
      } catch (error) {
        if (!(error instanceof TopologyError)) throw error;
      }
    }),
    { numRuns: 150 },
  );
});

test('readTopology keeps threads of a core that are in different NUMA nodes in their own nodes, and reports the contradiction', () => {
  const topology = readEdited('numa:2 core:2 pu:2', {
    set: { 'node/node0/cpulist': '0-3', 'node/node1/cpulist': '4-7' },
    remove: /^node\/node\d\/cpumap|^cpu\/cpu\d\/node\d/,
  });
  assert.equal(listsOf(topology.cores), '0,4 1,5 2,6 3,7');
  assert.equal(listsOf(topology.numaNodes), '0-3 4-7');
  assert.deepEqual(messagesOf(topology), [
    '/sys/devices/system/node/node1 lists CPUs "4-7"; other threads of their cores are in another node',
  ]);
});
