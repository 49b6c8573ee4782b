import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSynthetic, SyntheticError, type SyntheticErrorCode } from './synthetic.ts';
import type { CpuTopology } from './topology.ts';

const lists = (groups: readonly { readonly cpus: { toString(): string } }[]) =>
  groups.map(({ cpus }) => cpus.toString()).join(' ');

/** Counts of sockets, nodes, caches, cores and CPUs. */
function countGroups({ sockets, numaNodes, l3Caches, cores, cpus }: CpuTopology): number[] {
  return [sockets, numaNodes, l3Caches, cores, cpus].map(({ length }) => length);
}

const machines: [text: string, counts: number[]][] = [
  ['pu:1', [1, 1, 0, 1, 1]],
  ['core:4', [1, 1, 0, 4, 4]],
  ['pack:2 core:4 pu:2', [2, 1, 0, 8, 16]],
  ['pack:2 numa:2 l3:2 core:8 pu:2', [2, 4, 8, 64, 128]],
  ['Package:2 L3Cache:1(size=32MB) L2Cache:2 L1dCache:1 Core:1 PU:2', [2, 1, 2, 4, 8]],
  ['machine:1 socket:2 [numa(memory=64GB)] core:2', [2, 2, 0, 4, 4]],
  ['numa:4 pack:1 core:2', [4, 4, 0, 8, 8]],
  ['pack:2 [numa][numa] core:2', [2, 4, 0, 4, 4]],
  ['group:2 die:2 cluster:2 core:1 pu:8', [1, 1, 0, 8, 64]],
];

for (const [text, counts] of machines) {
  test(`parseSynthetic builds "${text}"`, () => assert.deepEqual(countGroups(parseSynthetic(text)), counts));
}

test('parseSynthetic numbers first threads first, threads next to each other or sockets in turn', () => {
  assert.equal(lists(parseSynthetic('pack:2 core:2 pu:2').cores), '0,4 1,5 2,6 3,7');
  assert.equal(lists(parseSynthetic('pack:2 core:2 pu:2', 'threads-adjacent').cores), '0-1 2-3 4-5 6-7');
  assert.equal(lists(parseSynthetic('pack:2 [numa] core:2 pu:2', 'round-robin').sockets), '0,2,4,6 1,3,5,7');
});

test('parseSynthetic restarts core numbers in every socket, as kernels do', () => {
  assert.deepEqual(
    parseSynthetic('pack:2 core:2').cores.map(({ coreId }) => coreId),
    [0, 1, 0, 1],
  );
});

test('parseSynthetic reads sizes of level 3 caches in every unit', () => {
  for (const [size, sizeKiB] of [
    ['32MB', 32_768],
    ['512kB', 512],
    ['1GiB', 1_048_576],
    ['65536', 64],
  ] as const) {
    assert.equal(parseSynthetic(`l3:1(size=${size}) core:1`).l3Caches[0]?.sizeKiB, sizeKiB);
  }
});

const mistakes: [text: string, code: SyntheticErrorCode, message: RegExp][] = [
  ['', 'Empty', /names no level/],
  ['pack', 'UnknownLevel', /"pack" is no level; want type:count/],
  ['tile:2 core:1', 'UnknownLevel', /"tile" is no type/],
  ['core:0', 'InvalidCount', /"core:0" has a count that is not 1 to 8192/],
  ['core:9000', 'InvalidCount', /"core:9000"/],
  ['pack:90 core:100', 'TooManyCpus', /it has 9000 CPUs; want 8192 or fewer/],
  ['core:2 core:2', 'WrongOrder', /level "core" comes twice/],
  ['core:2 pack:2', 'WrongOrder', /level "pack" is inside a core/],
  ['pu:2 core:2', 'WrongOrder', /level "core" is inside a pu/],
  ['numa:2 [numa] core:2', 'WrongOrder', /both a numa level and attached/],
  ['l3:1(size=much) core:1', 'InvalidAttribute', /has "size=much"; want size=32MB/],
  ['pack:1 [gpu] core:1', 'UnknownLevel', /"\[gpu\]" cannot be attached/],
];

for (const [text, code, message] of mistakes) {
  test(`parseSynthetic refuses "${text}" as ${code}`, () => {
    assert.throws(
      () => parseSynthetic(text),
      (error) => error instanceof SyntheticError && error.code === code && message.test(error.message),
    );
  });
}
