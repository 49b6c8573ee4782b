import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readCount, readMillis } from './quantity.ts';

test('readCount reads whole numbers in every notation of a quantity', () => {
  const cases: [string, bigint][] = [
    ['4', 4n],
    ['0', 0n],
    ['-1', -1n],
    ['+3', 3n],
    ['4000m', 4n],
    ['1e1', 10n],
    ['2k', 2000n],
    ['1Ki', 1024n],
    ['1.5k', 1500n],
    ['4.0', 4n],
    ['.5k', 500n],
    ['1e30', 10n ** 30n],
  ];
  for (const [text, count] of cases) assert.deepEqual(readCount(text), { kind: 'whole', count }, text);
});

test('readCount tells fractions from text that is no quantity', () => {
  for (const text of ['1500m', '0.5', '12e-1', '1n']) assert.deepEqual(readCount(text), { kind: 'fraction' }, text);
  for (const text of ['', ' ', '1 ', 'four', '1e', '--1', '1mm', '1e999999999', '9'.repeat(65), '.', '1.2.3']) {
    assert.deepEqual(readCount(text), { kind: 'unreadable' }, text);
  }
});

test('readCount of n thousand milli-units is n', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e9, max: 1e9 }), (n) => {
      assert.deepEqual(readCount(`${n}000m`.replace(/^(-?)0+(?=\d)/, '$1')), { kind: 'whole', count: BigInt(n) });
    }),
  );
});

test('readMillis reads thousandths and rounds up', () => {
  const cases: [string, bigint | undefined][] = [
    ['2', 2000n],
    ['1500m', 1500n],
    ['0.5', 500n],
    ['1n', 1n],
    ['1.0001', 1001n],
    ['-1.0001', -1000n],
    ['two', undefined],
  ];
  for (const [text, millis] of cases) assert.equal(readMillis(text), millis, text);
});
