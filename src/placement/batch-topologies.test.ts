import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSynthetic } from '../topology/synthetic.ts';
import { topologyToJson } from '../topology/topology-json.ts';
import { BatchTopologiesError, parseBatchTopologies } from './batch-topologies.ts';

const cpu = { cpu: 0, core: 0, socket: 0, numaNode: 0 };

test('parseBatchTopologies groups CPUs by core, socket, node and cache', () => {
  const cpus = [
    { ...cpu, cpu: 2, l3Cache: 5, coreType: 'p-core' },
    { ...cpu, l3Cache: 5, coreType: 'p-core' },
    { ...cpu, cpu: 1, core: 9, numaNode: 3, coreType: 'e-core', isolated: true },
  ];
  const topology = parseBatchTopologies({ one: { cpus } }).get('one');
  assert.deepEqual(
    topology?.cpus.map((row) => [row.cpu, row.siblings.toString(), row.l3Cache, row.coreType]),
    [
      [0, '0,2', 0, 'p-core'],
      [1, '1', undefined, 'e-core'],
      [2, '0,2', 0, 'p-core'],
    ],
  );
  assert.deepEqual(
    topology?.numaNodes.map(({ numaNode, cpus }) => [numaNode, cpus.toString()]),
    [
      [0, '0,2'],
      [3, '1'],
    ],
  );
  assert.deepEqual(
    [topology?.online.toString(), topology?.isolated.toString(), topology?.l3Caches.length],
    ['0-2', '1', 1],
  );
});

test('parseBatchTopologies T1: takes core numbers that repeat per socket for different cores', () => {
  const cpus = Array.from({ length: 8 }, (_, id) => ({
    cpu: id,
    core: id % 2,
    socket: (id >> 1) % 2,
    numaNode: (id >> 1) % 2,
  }));
  const topology = parseBatchTopologies({ two: { cpus } }).get('two');
  assert.deepEqual(
    topology?.cores.map(({ core, cpus: threads }) => [core, threads.toString()]),
    [
      [0, '0,4'],
      [1, '1,5'],
      [2, '2,6'],
      [3, '3,7'],
    ],
  );
});

test("parseBatchTopologies takes the kernel's numbers of packages, cores and caches, however high", () => {
  const cpus = [cpu, { cpu: 1, core: 70_000, socket: 268_435_456, numaNode: 1, l3Cache: 4_294_967_295 }];
  const topology = parseBatchTopologies({ arm: { cpus } }).get('arm');
  assert.deepEqual(
    topology?.sockets.map(({ socketId, cpus: own }) => [socketId, `${own}`]),
    [
      [0, '0'],
      [268_435_456, '1'],
    ],
  );
});

const twoNodes = [cpu, { ...cpu, cpu: 1, core: 1, numaNode: 4 }];

for (const [form, given] of [
  [
    'rows',
    {
      distances: [
        [10, 32],
        [31, 10],
      ],
    },
  ],
  [
    'nodes',
    {
      numaNodes: [
        { numaNode: 4, distances: [31, 10] },
        { numaNode: 0, distances: [10, 32] },
      ],
    },
  ],
] as const) {
  test(`parseBatchTopologies reads distances given as ${form}`, () => {
    const topology = parseBatchTopologies({ two: { cpus: twoNodes, ...given } }).get('two');
    assert.deepEqual(
      topology?.numaNodes.map(({ numaNode, distances }) => [numaNode, distances]),
      [
        [0, [10, 32]],
        [4, [31, 10]],
      ],
    );
  });
}

test('parseBatchTopologies keeps NUMA nodes without CPUs, whose distances stand in every row', () => {
  const numaNodes = [0, 4, 9].map((numaNode) => ({ numaNode, distances: [10, 20, 30] }));
  const topology = parseBatchTopologies({ two: { cpus: twoNodes, numaNodes } }).get('two');
  assert.deepEqual(
    topology?.numaNodes.map(({ numaNode, cpus }) => [numaNode, `${cpus}`]),
    [
      [0, '0'],
      [4, '1'],
      [9, ''],
    ],
  );
});

test('parseBatchTopologies reads clusters, numbers that repeat in another socket being other clusters', () => {
  const clusters = [0, 0, 0, undefined].map((cluster, id) => ({
    ...cpu,
    cpu: id,
    core: id,
    socket: id >> 1,
    ...(cluster === undefined ? {} : { cluster }),
  }));
  const topology = parseBatchTopologies({ arm: { cpus: clusters } }).get('arm');
  assert.deepEqual(
    topology?.cpus.map(({ cluster }) => cluster),
    [0, 0, 1, undefined],
  );
});

test('parseBatchTopologies reads what dracpu topology -o json prints, distances and clusters included', () => {
  const machine = parseSynthetic('pack:2 numa:2 cluster:2 core:2 pu:2');
  const read = parseBatchTopologies({ one: JSON.parse(JSON.stringify(topologyToJson(machine))) }).get('one');
  assert.deepEqual(
    read?.numaNodes.map(({ distances }) => distances),
    machine.numaNodes.map(({ distances }) => distances),
  );
  assert.deepEqual(
    read?.cpus.map(({ cluster }) => cluster),
    machine.cpus.map(({ cluster }) => cluster),
  );
});

for (const [json, message] of [
  [
    { a: { cpus: twoNodes, distances: [[10, 20]] } },
    'Cannot read the topology: distances is [[10,20]]; want a row of distances for each of 2 NUMA nodes (machine "a")',
  ],
  [
    { a: { cpus: twoNodes, numaNodes: [{ numaNode: 0, distances: [10, 0] }] } },
    'Cannot read the topology: numaNodes[0].distances is [10,0]; want 2 numbers above 0, one for each NUMA node (machine "a")',
  ],
  [{ a: { cpus: twoNodes, numaNodes: 2 } }, 'Cannot read the topology: numaNodes is 2; want a list (machine "a")'],
  [[], 'Cannot read the topologies: want an object of machines by name'],
  [{ a: {} }, 'Cannot read the topology: cpus is missing; want a list of one CPU or more (machine "a")'],
  [{ a: 7 }, 'Cannot read the topology: the document is 7; want an object (machine "a")'],
  [{ a: { cpus: [7] } }, 'Cannot read the topology: cpus[0] is 7; want an object (machine "a")'],
  [
    { a: { cpus: [{ ...cpu, core: -1 }] } },
    'Cannot read the topology: cpus[0].core is -1; want a whole number from 0 to 9007199254740991 (machine "a")',
  ],
  [
    { a: { cpus: [{ ...cpu, coreType: 'big' }] } },
    'Cannot read the topology: cpus[0].coreType is "big"; want one of standard, p-core, e-core (machine "a")',
  ],
] as const) {
  test(`parseBatchTopologies refuses ${JSON.stringify(json)}`, () => {
    assert.throws(
      () => parseBatchTopologies(json),
      (error) => error instanceof BatchTopologiesError && error.message === message,
    );
  });
}
