import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { assert as assertProperty, constantFrom, property } from 'fast-check';
import { CpuSet } from '../../src/cpuset/cpu-set.ts';
import { readTopology, readTopologyFrom } from '../../src/sysfs/read-topology.ts';
import { openMemorySysfs } from '../../src/sysfs/testing/memory-sysfs.ts';
import { parseSynthetic } from '../../src/topology/synthetic.ts';
import { randomMachine } from '../../src/topology/testing/random-machine.ts';
import type { CpuTopology } from '../../src/topology/topology.ts';
import { writeMachine } from './write-machine.ts';
import { describeMachine } from './describe-machine.ts';

const everything = { hostRoot: '/', pcieRoots: true } as const;

function writeAndRead(topology: CpuTopology): CpuTopology {
  const directory = mkdtempSync(join(tmpdir(), 'machine-'));
  try {
    writeMachine(directory, topology);
    return readTopology({ ...everything, hostRoot: directory, checkEveryFile: true });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

for (const machine of ['core:1', 'pack:2 [numa] l3:2(size=32MB) core:2 pu:2', 'numa:2 die:2 cluster:2 core:1 pu:4']) {
  test(`writeMachine writes ${machine} so that reading gives it back without problems`, () => {
    const topology = parseSynthetic(machine);
    assert.deepEqual(writeAndRead(topology), topology);
  });
}

test('writeMachine writes offline, isolated and tickless CPUs', () => {
  const topology = {
    ...parseSynthetic('core:4'),
    offline: CpuSet.of(4, 40),
    nohzFull: CpuSet.of(2, 3),
  };
  assert.deepEqual(writeAndRead(topology), topology);
});

test('writeMachine writes random machines so that reading gives them back', () => {
  assertProperty(
    property(randomMachine, (topology) => assert.deepEqual(writeAndRead(topology), topology)),
    { numRuns: 5 },
  );
});

test('describeMachine describes random machines so that reading gives them back without problems', () => {
  assertProperty(
    property(randomMachine, (topology) => {
      const sysfs = openMemorySysfs(describeMachine(topology));
      assert.deepEqual(readTopologyFrom(sysfs, { ...everything, checkEveryFile: true }), topology);
    }),
    { numRuns: 40 },
  );
});

const listFiles = /(_list|\/shared_cpu_list|\/cpulist|\/cpulistaffinity|\/local_cpulist)$/;
const newerNames = /\/(core_cpus|package_cpus|die_cpus)(_list)?$/;

test('readTopology finds the same where files are missing that older kernels lack', () => {
  assertProperty(
    property(randomMachine, constantFrom(listFiles, newerNames), (topology, missing) => {
      const { files, links } = describeMachine(topology);
      const older = new Map([...files].filter(([path]) => !missing.test(path)));
      const read = readTopologyFrom(openMemorySysfs({ files: older, links }), everything);
      assert.deepEqual(read, topology);
    }),
    { numRuns: 20 },
  );
});
