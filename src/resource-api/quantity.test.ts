import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import * as fc from 'fast-check';
import { canonicalQuantity, formatQuantity, parseQuantity, readCount, readMillis } from './quantity.ts';

describe('parseQuantity', () => {
  const readings: [string, bigint | undefined][] = [
    ['4', 4_000_000_000n],
    ['1500m', 1_500_000_000n],
    ['0.5', 500_000_000n],
    ['2Ki', 2_048_000_000_000n],
    ['1e3', 1_000_000_000_000n],
    ['-1', -1_000_000_000n],
    ['.5', 500_000_000n],
    ['0.1n', 1n],
    ['1e-10', 1n],
    ['-1e-10', -1n],
    ['15e-1', 1_500_000_000n],
    ['1.5Ki', 1_536_000_000_000n],
    ['', undefined],
    ['4x', undefined],
    ['1.2.3', undefined],
    ['k', undefined],
    ['1e99', undefined],
    ['9'.repeat(80), undefined],
  ];
  for (const [text, nanos] of readings) {
    it(`reads ${JSON.stringify(text.slice(0, 12))} as ${nanos === undefined ? 'no quantity' : `${nanos}n`}`, () => {
      assert.equal(parseQuantity(text)?.nanos, nanos);
    });
  }
});

describe('canonicalQuantity', () => {
  const forms: [string, string][] = [
    ['1000m', '1'],
    ['0.5', '500m'],
    ['1500m', '1500m'],
    ['1024Ki', '1Mi'],
    ['1536Mi', '1536Mi'],
    ['0.5Ki', '512'],
    ['4000', '4k'],
    ['1e3', '1e3'],
    ['0', '0'],
    ['not one', 'not one'],
  ];
  for (const [text, canonical] of forms) {
    it(`writes ${text} as ${canonical}`, () => assert.equal(canonicalQuantity(text), canonical));
  }
});

describe('formatQuantity', () => {
  it('keeps the value of every quantity it writes', () => {
    const format = fc.constantFrom('decimal' as const, 'binary' as const, 'exponent' as const);
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), format, (nanos, notation) => {
        assert.equal(parseQuantity(formatQuantity({ nanos, format: notation }))?.nanos, nanos);
      }),
    );
  });
});

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
