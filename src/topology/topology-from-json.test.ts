import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as assertProperty, property } from 'fast-check';
import { randomMachine } from './testing/random-machine.ts';
import { TopologyJsonError, topologyFromJson } from './topology-from-json.ts';
import { topologyToJson } from './topology-json.ts';

const print = (value: object) => JSON.parse(JSON.stringify(value));

test('topologyFromJson reads back what topologyToJson prints, of any machine', () => {
  assertProperty(
    property(randomMachine, (topology) => {
      assert.deepEqual(topologyFromJson(print(topologyToJson(topology))), topology);
    }),
    { numRuns: 60 },
  );
});

test('topologyFromJson reads back which NUMA nodes have memory', () => {
  for (const hasMemory of [true, false, undefined]) {
    const topology = topologyFromJson({
      cpus: [{ cpu: 0, core: 0, socket: 0, numaNode: 1 }],
      numaNodes: [{ numaNode: 1, hasMemory }],
    });
    assert.deepEqual(
      topology.numaNodes.map((node) => node.hasMemory),
      [hasMemory],
    );
    assert.deepEqual(topologyFromJson(print(topologyToJson(topology))), topology);
  }
});

test('topologyToJson prints the keys of the contract and leaves out what is not known', () => {
  const topology = topologyFromJson({ cpus: [{ cpu: 0, core: 0, socket: 3, numaNode: 1 }], problems: [] });
  const { apiVersion, kind, cpus, sockets, cores, l3Caches, numaNodes, offline, isolated, pcieRoots, problems } = print(
    topologyToJson(topology),
  );
  assert.deepEqual([apiVersion, kind], ['dra.cpu/v1alpha1', 'CPUTopology']);
  assert.deepEqual(cpus, [
    {
      cpu: 0,
      socket: 0,
      socketId: 3,
      core: 0,
      coreId: 0,
      numaNode: 1,
      siblings: '0',
      coreType: 'standard',
      isolated: false,
    },
  ]);
  assert.deepEqual(
    [sockets, cores],
    [[{ socket: 0, socketId: 3, cpus: '0' }], [{ core: 0, coreId: 0, socket: 0, cpus: '0' }]],
  );
  assert.deepEqual([l3Caches, numaNodes], [[], [{ numaNode: 1, cpus: '0' }]]);
  assert.deepEqual([offline, isolated, pcieRoots, problems], ['', '', [], []]);
});

test('topologyFromJson takes core numbers that repeat from socket to socket for different cores', () => {
  const cpus = [0, 1, 2, 3].map((cpu) => ({ cpu, core: cpu % 2, socket: cpu >> 1, numaNode: 0 }));
  assert.deepEqual(
    topologyFromJson({ cpus }).cores.map(({ core, coreId, socket }) => [core, coreId, socket]),
    [
      [0, 0, 0],
      [1, 1, 0],
      [2, 0, 1],
      [3, 1, 1],
    ],
  );
});

const row = { cpu: 0, core: 0, socket: 0, numaNode: 0 };
const mistakes: [name: string, json: unknown, message: RegExp][] = [
  ['no object', [], /the document is \[\]; want an object/],
  ['another kind', { kind: 'Pod', cpus: [row] }, /: kind is "Pod"; want one of CPUTopology, bare/],
  ['no CPUs', { cpus: [] }, /: cpus is \[\]; want a list of one CPU or more/],
  ['a CPU twice', { cpus: [row, row] }, /want each CPU once; 0 comes twice/],
  ['a negative id', { cpus: [{ ...row, socket: -1 }] }, /: cpus\[0\]\.socket is -1; want a whole number/],
  ['a CPU id beyond all', { cpus: [{ ...row, cpu: 70_000 }] }, /: cpus\[0\]\.cpu is 70000; want .* 0 to 65535/],
  ['a missing node', { cpus: [{ ...row, numaNode: undefined }] }, /: cpus\[0\]\.numaNode is missing/],
  ['a core type of its own', { cpus: [{ ...row, coreType: 'big' }] }, /is "big"; want one of standard, p-core, e-core/],
  ['no CPU list', { cpus: [row], offline: '0-' }, /: offline is "0-"; want a CPU list/],
  [
    'memory of another kind',
    { cpus: [row], numaNodes: [{ numaNode: 0, hasMemory: 'yes' }] },
    /: numaNodes\[0\]\.hasMemory is "yes"; want true or false/,
  ],
  [
    'distances of another kind',
    { cpus: [row], numaNodes: [{ numaNode: 0, distances: ['10'] }] },
    /: numaNodes\[0\]\.distances is \["10"\]; want 1 number above 0/,
  ],
];

for (const [name, json, message] of mistakes) {
  test(`topologyFromJson refuses ${name}`, () => {
    assert.throws(
      () => topologyFromJson(json),
      (error) => error instanceof TopologyJsonError && message.test(error.message),
    );
  });
}
