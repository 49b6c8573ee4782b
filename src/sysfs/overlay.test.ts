import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSysfsOverlay, SysfsOverlayError, type SysfsOverlayErrorCode } from './overlay.ts';
import { overlaySysfs } from './overlay-sysfs.ts';
import { type ReadTopologyOptions, readTopologyFrom } from './read-topology.ts';
import { editMachine, listsOf } from './testing/edited-machine.ts';
import { type MemoryTree, openMemorySysfs } from './testing/memory-sysfs.ts';

/** Reads a tree with an overlay given as paths below /sys/devices/system/ and contents. */
function readOverlaid(
  tree: MemoryTree,
  files: Readonly<Record<string, string>>,
  options: Partial<ReadTopologyOptions> = {},
) {
  const entries = Object.entries(files).map(([path, text]) => [`/sys/devices/${path}`, text]);
  const overlay = loadSysfsOverlay(JSON.stringify(Object.fromEntries(entries)));
  return readTopologyFrom(overlaySysfs(openMemorySysfs(tree), overlay), { hostRoot: '/', pcieRoots: true, ...options });
}

const mistakes: [name: string, text: string, code: SysfsOverlayErrorCode, message: RegExp][] = [
  ['broken YAML', '/sys/a: "x', 'InvalidYaml', /it is no YAML \(line 1: .+\)$/],
  ['a path twice', '/sys/a: x\n/sys/a: y\n', 'RepeatedPath', /line 2 has a path that an earlier line has too/],
  ['a list', '- /sys/a', 'NotAMap', /it is a list; want a map/],
  ['a text', '/sys/a', 'NotAMap', /it is "\/sys\/a"; want a map/],
  ['a number for contents', '/sys/a: 3', 'NotAString', /"\/sys\/a" is 3; want a text, in quotes/],
  ['nothing for contents', '/sys/a:', 'NotAString', /"\/sys\/a" is null/],
  ['a map for contents', '/sys/a: {b: c}', 'NotAString', /"\/sys\/a" is a map/],
  ['a relative path', 'sys/a: x', 'OutsideSys', /path "sys\/a" is not below \/sys\//],
  ['a path outside /sys', '/proc/cpuinfo: x', 'OutsideSys', /"\/proc\/cpuinfo"/],
  ['/sys itself', '/sys: x', 'OutsideSys', /"\/sys"/],
  ['a number for a path', '7: x', 'OutsideSys', /path 7 is/],
  ['a path that leaves /sys', '/sys/../etc/passwd: x', 'UncleanPath', /"\/sys\/\.\.\/etc\/passwd"/],
  ['a dot in a path', '/sys/./a: x', 'UncleanPath', /empty part, "\." or "\.\."/],
  ['two slashes', '/sys//a: x', 'UncleanPath', /"\/sys\/\/a"/],
  ['a slash at the end', '/sys/a/: x', 'UncleanPath', /"\/sys\/a\/"/],
  [
    'a file that is a directory too',
    '/sys/a/b/c: x\n/sys/a/b: y',
    'FileAndDirectory',
    /"\/sys\/a\/b" is both a file and a directory/,
  ],
  [
    'a CPU in two nodes',
    '/sys/devices/system/cpu/cpu3/node0: ""\n/sys/devices/system/cpu/cpu3/node1: ""',
    'SeveralNodes',
    /cpu3" has the entries of nodes 0, 1/,
  ],
];

for (const [name, text, code, message] of mistakes) {
  test(`loadSysfsOverlay refuses ${name} as ${code}`, () => {
    assert.throws(
      () => loadSysfsOverlay(text),
      (error) =>
        error instanceof SysfsOverlayError &&
        error.code === code &&
        error.message.startsWith('Cannot use the sysfs overlay: ') &&
        message.test(error.message),
    );
  });
}

test('loadSysfsOverlay takes an empty text for no overlay', () => {
  for (const text of ['', '# nothing\n', '{}']) assert.equal(loadSysfsOverlay(text).files.size, 0);
  const base = openMemorySysfs(editMachine('core:1', {}));
  assert.equal(overlaySysfs(base, loadSysfsOverlay('')), base);
});

test('overlaySysfs hides what the base says in other words', () => {
  const tree = editMachine('pack:1 l3:1 core:4', {});
  const topology = readOverlaid(tree, {
    'system/cpu/cpu2/topology/physical_package_id': '1',
    'system/cpu/cpu3/topology/physical_package_id': '1',
    'system/cpu/cpu0/cache/index3/shared_cpu_list': '0-1',
    'system/cpu/cpu1/cache/index3/shared_cpu_list': '0-1',
    'system/cpu/cpu2/cache/index3/shared_cpu_list': '2-3',
    'system/cpu/cpu3/cache/index3/shared_cpu_list': '2-3',
  });
  assert.deepEqual(
    [topology.sockets.length, topology.sockets[1]?.socketId, listsOf(topology.l3Caches)],
    [2, 1, '0-1 2-3'],
  );
});

test('overlaySysfs moves one CPU to another socket, core or die by its number alone', () => {
  const topology = readOverlaid(editMachine('pack:2 die:1 core:1 pu:2', {}), {
    'system/cpu/cpu0/topology/physical_package_id': '7',
    'system/cpu/cpu0/topology/core_id': '9',
    'system/cpu/cpu0/topology/die_id': '3',
  });
  assert.deepEqual(
    topology.sockets.map(({ socketId, cpus }) => `${socketId}: ${cpus}`),
    ['7: 0', '1: 1,3', '0: 2'],
  );
  assert.deepEqual([listsOf(topology.cores), topology.problems], ['0 1,3 2', []]);
});

test('overlaySysfs lets a nodeN entry of a CPU replace the one of the base', () => {
  const topology = readOverlaid(editMachine('numa:2 core:2', {}), { 'system/cpu/cpu1/node1': '' });
  assert.equal(listsOf(topology.numaNodes), '0 1-3');
  assert.deepEqual(topology.problems, []);
});

test('overlaySysfs makes a node that only CPUs name', () => {
  const topology = readOverlaid(editMachine('core:2', {}), { 'system/cpu/cpu1/node4': '' });
  assert.deepEqual(
    topology.numaNodes.map(({ numaNode, cpus }) => [numaNode, `${cpus}`]),
    [
      [0, '0'],
      [4, '1'],
    ],
  );
});

test('overlaySysfs describes a whole machine over an empty base', () => {
  const topology = readOverlaid(
    { files: new Map(), links: new Map() },
    {
      'system/cpu/online': '999\n',
      'system/node/node5/cpulist': '998-999\n',
      'system/cpu/cpu999/node5': '',
      'system/cpu/cpu999/topology/physical_package_id': '7\n',
      'system/cpu/cpu999/topology/core_id': '3\n',
      'system/cpu/cpu999/topology/cluster_id': '4\n',
      'system/cpu/cpu999/cache/index3/level': '3\n',
      'system/cpu/cpu999/cache/index3/id': '11\n',
      'system/cpu/cpu999/cache/index3/shared_cpu_list': '999\n',
    },
  );
  const [cpu] = topology.cpus;
  assert.deepEqual(
    [cpu?.cpu, cpu?.socketId, cpu?.coreId, cpu?.cluster, cpu?.numaNode, topology.l3Caches[0]?.l3CacheId],
    [999, 7, 3, 0, 5, 11],
  );
});

/** Two nodes of two CPUs, each with its cache and PCIe root: the machine of the reference driver's example. */
function fourCpus(): Record<string, string> {
  const files: Record<string, string> = {
    'system/cpu/online': '0-3\n',
    'system/cpu/smt/control': 'off\n',
    'pci0000:00/pci_bus/0000:00/cpulistaffinity': '0-1\n',
    'pci0001:80/pci_bus/0001:80/cpulistaffinity': '2-3\n',
    'system/node/node0/cpulist': '0-1\n',
    'system/node/node1/cpulist': '2-3\n',
  };
  for (const cpu of [0, 1, 2, 3]) {
    const half = cpu >> 1;
    files[`system/cpu/cpu${cpu}/node${half}`] = '';
    files[`system/cpu/cpu${cpu}/topology/physical_package_id`] = `${half}\n`;
    files[`system/cpu/cpu${cpu}/topology/core_id`] = `${cpu & 1}\n`;
    files[`system/cpu/cpu${cpu}/topology/cluster_id`] = '0\n';
    files[`system/cpu/cpu${cpu}/cache/index3/level`] = '3\n';
    files[`system/cpu/cpu${cpu}/cache/index3/id`] = `${half}\n`;
    files[`system/cpu/cpu${cpu}/cache/index3/shared_cpu_list`] = `${2 * half}-${2 * half + 1}\n`;
  }
  return files;
}

for (const host of [
  'core:2',
  'core:1 pu:2',
  'pack:2 numa:1 l3:1 core:4 pu:2',
  'pack:2 die:2 numa:2 l3:2 core:8 pu:2',
]) {
  test(`overlaySysfs makes the machine of the reference's example out of a node with ${host}`, () => {
    const topology = readOverlaid(editMachine(host, {}), fourCpus());
    assert.deepEqual(
      {
        sockets: listsOf(topology.sockets),
        cores: listsOf(topology.cores),
        l3Caches: listsOf(topology.l3Caches),
        numaNodes: topology.numaNodes
          .map(({ numaNode, cpus }) => `${numaNode}:${cpus}`)
          .filter((text) => !text.endsWith(':')),
        roots: ['pci0000:00', 'pci0001:80'].map((name) => {
          const root = topology.pcieRoots.find(({ pcieRoot }) => pcieRoot === name);
          return `${root?.cpus} in ${root?.numaNode}`;
        }),
      },
      {
        sockets: '0-1 2-3',
        cores: '0 1 2 3',
        l3Caches: '0-1 2-3',
        numaNodes: ['0:0-1', '1:2-3'],
        roots: ['0-1 in 0', '2-3 in 1'],
      },
    );
  });
}
