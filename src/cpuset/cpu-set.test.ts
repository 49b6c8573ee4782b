import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as assertProperty, integer, property } from 'fast-check';
import { CPU_ID_MAX, CpuSet } from './cpu-set.ts';

const ids = array(integer({ min: 0, max: 300 }), { maxLength: 40 });
const sorted = (cpus: Iterable<number>) => [...new Set(cpus)].sort((a, b) => a - b);

test('CpuSet.empty has nothing', () => {
  assert.deepEqual(
    { size: CpuSet.empty.size, isEmpty: CpuSet.empty.isEmpty, first: CpuSet.empty.first, last: CpuSet.empty.last },
    { size: 0, isEmpty: true, first: undefined, last: undefined },
  );
  assert.equal(CpuSet.empty.toString(), '');
  assert.equal(CpuSet.empty.toMask(), '00000000');
});

test('CpuSet.from refuses what is no CPU id', () => {
  for (const cpu of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, CPU_ID_MAX + 1]) {
    assert.throws(() => CpuSet.of(cpu), { name: 'InvariantError' }, `${cpu}`);
  }
  assert.equal(CpuSet.of(CPU_ID_MAX).last, CPU_ID_MAX);
});

test('CpuSet.range includes both ends and is empty when they are reversed', () => {
  assert.equal(CpuSet.range(3, 5).toString(), '3-5');
  assert.equal(CpuSet.range(7, 7).toString(), '7');
  assert.equal(CpuSet.range(5, 3).toString(), '');
});

test('CpuSet.has is false for what is no CPU id', () => {
  const set = CpuSet.range(0, 63);
  for (const cpu of [-1, 64, 0.5, 2 ** 32, 2 ** 32 + 1, Number.NaN]) assert.equal(set.has(cpu), false, `${cpu}`);
});

test('CpuSet is compared by its ids when objects that hold it are', () => {
  assert.deepEqual({ cpus: CpuSet.of(1, 70) }, { cpus: CpuSet.of(70, 1) });
  assert.notDeepEqual({ cpus: CpuSet.of(1) }, { cpus: CpuSet.of(2) });
  const counted = CpuSet.of(1);
  assert.equal(counted.size, 1);
  assert.deepEqual(counted, CpuSet.of(1));
});

test('CpuSet.fromWords ignores trailing zero words and copies', () => {
  const words = Uint32Array.of(5, 0, 0);
  const set = CpuSet.fromWords(words);
  words[0] = 0;
  assert.ok(set.equals(CpuSet.of(0, 2)));
  assert.equal(set.toWords().length, 1);
});

test('CpuSet.toString writes runs as the kernel does', () => {
  const cases: [number[], string][] = [
    [[0], '0'],
    [[0, 1], '0-1'],
    [[0, 2, 4], '0,2,4'],
    [[31, 32, 33], '31-33'],
    [[1, 2, 3, 5, 63, 64, 65_535], '1-3,5,63-64,65535'],
  ];
  for (const [cpus, want] of cases) assert.equal(CpuSet.from(cpus).toString(), want);
  assert.equal(JSON.stringify({ cpus: CpuSet.of(3, 4) }), '{"cpus":"3-4"}');
});

test('CpuSet.toMask writes 32-bit words, highest first', () => {
  assert.equal(CpuSet.of(0, 31).toMask(), '80000001');
  assert.equal(CpuSet.of(0, 32).toMask(), '00000001,00000001');
});

test('CpuSet iterates in ascending order and counts each id once', () => {
  assertProperty(
    property(ids, (cpus) => {
      const set = CpuSet.from(cpus);
      const want = sorted(cpus);
      assert.deepEqual(set.toArray(), want);
      assert.deepEqual([set.size, set.first, set.last], [want.length, want[0], want.at(-1)]);
      assert.ok(want.every((cpu) => set.has(cpu)) && !set.has(301));
    }),
  );
});

test('CpuSet operations agree with lists of ids', () => {
  assertProperty(
    property(ids, ids, (left, right) => {
      const [a, b] = [CpuSet.from(left), CpuSet.from(right)];
      const shared = left.filter((cpu) => right.includes(cpu));
      const onlyLeft = left.filter((cpu) => !right.includes(cpu));
      assert.deepEqual(a.union(b).toArray(), sorted([...left, ...right]));
      assert.deepEqual(a.intersection(b).toArray(), sorted(shared));
      assert.deepEqual(a.difference(b).toArray(), sorted(onlyLeft));
      assert.equal(a.intersects(b), shared.length > 0);
      assert.equal(a.isSubsetOf(b), onlyLeft.length === 0);
      assert.equal(a.equals(b), sorted(left).join() === sorted(right).join());
      assert.ok(CpuSet.unionOf([a, b, a]).equals(a.union(b)));
      assert.ok(a.difference(b).union(a.intersection(b)).equals(a));
      assert.ok(CpuSet.fromWords(a.toWords()).equals(a));
    }),
  );
});
