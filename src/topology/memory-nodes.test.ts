import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { parseCpuList } from '../cpuset/parse.ts';
import { findMemoryNodes } from './memory-nodes.ts';
import { parseSynthetic } from './synthetic.ts';

/** Four NUMA nodes of two CPUs, of two sockets: 0-1 2-3 | 4-5 6-7; nodes of one socket are nearer. */
const machine = parseSynthetic('pack:2 numa:2 core:2');
const find = (cpus: string, numaNodes = machine.numaNodes) =>
  findMemoryNodes({ ...machine, numaNodes }, parseCpuList(cpus)).toString();
const without = (...empty: number[]) =>
  machine.numaNodes.map((node) => ({ ...node, hasMemory: !empty.includes(node.numaNode) }));

test('findMemoryNodes gives the nodes of the CPUs', () => {
  assert.deepEqual(
    ['0', '0-1', '1-2', '0,7', '2-7'].map((cpus) => find(cpus)),
    ['0', '0', '0-1', '0,3', '1-3'],
  );
  assert.equal(findMemoryNodes(machine, CpuSet.empty).toString(), '');
});

test('findMemoryNodes gives the nearest node with memory in place of one without', () => {
  assert.equal(find('2-3', without(1)), '0');
  assert.equal(find('0-3', without(1)), '0');
  assert.equal(find('2-3', without(0, 1)), '2-3', 'both nodes of the other socket are equally near');
  assert.equal(find('2-3', without(0, 1, 3)), '2');
});

test('findMemoryNodes takes a node of memory alone where it is the nearest', () => {
  const memoryOnly = { numaNode: 4, cpus: CpuSet.empty, hasMemory: true, distances: [15, 11, 15, 15, 10] };
  const nodes = without(1).map((node) => ({
    ...node,
    distances: [...(node.distances ?? []), node.numaNode === 1 ? 11 : 15],
  }));
  assert.equal(find('2-3', [...nodes, memoryOnly]), '4');
  assert.equal(find('0-1', [...nodes, memoryOnly]), '0');
});

test('findMemoryNodes takes every node with memory for the nearest where no distances are known', () => {
  const nodes = without(1).map((node) => ({ ...node, distances: undefined }));
  assert.equal(find('2-3', nodes), '0,2-3');
});

test('findMemoryNodes gives none where the kernel tells of no node with memory', () => {
  const numaNodes = [{ numaNode: 0, cpus: machine.online, hasMemory: undefined, distances: undefined }];
  assert.equal(find('0-3', numaNodes), '');
  assert.equal(find('0-3', without(0, 1, 2, 3)), '');
});
