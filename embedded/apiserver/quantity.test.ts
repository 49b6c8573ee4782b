import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { canonicalQuantity, formatQuantity, parseQuantity } from './quantity.ts';

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
