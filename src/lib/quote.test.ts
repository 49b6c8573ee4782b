import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { quote, quoteNames } from './quote.ts';
import { shorten, shortenToBytes } from './shorten.ts';

/** More than any quoted value takes: 256 characters, each of which may be six in JSON, and what stands around them. */
const QUOTED_LENGTH_MAX = 1_700;

test('quote writes small values as JSON does', () => {
  for (const value of ['', 'a "b"\n', 0, -1.5, true, null, [], {}, [1, ['x']], { a: { b: [null] } }]) {
    assert.equal(quote(value), JSON.stringify(value));
  }
  assert.equal(quote(undefined), 'missing');
  assert.equal(quote(undefined, 'empty'), 'empty');
});

test('quote shows the beginning of a long text and its length', () => {
  const text = quote('x'.repeat(1 << 20));
  assert.match(text, /^"x{256}\.\.\." \(1048576 characters\)$/);
});

test('quote is as short for any value of JSON, and never throws', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      assert.ok(quote(value).length <= QUOTED_LENGTH_MAX);
    }),
  );
  let deep: unknown = 'end';
  for (let level = 0; level < 100_000; level += 1) deep = level % 2 === 0 ? [deep] : { deep };
  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`key${index}`, 'y'.repeat(100)]));
  for (const value of [deep, cyclic, wide, [wide, wide], Array.from({ length: 1_000_000 }, () => 'z')]) {
    assert.ok(quote(value).length <= QUOTED_LENGTH_MAX);
  }
});

test('quoteNames lists twenty names and counts the rest', () => {
  assert.equal(quoteNames(['a', 'b']), '"a", "b"');
  const many = Array.from({ length: 25 }, (_, index) => `n${index}`);
  assert.match(quoteNames(many), /^"n0", .*"n19" and 5 more$/);
});

test('shorten keeps short texts, and cuts no character in half', () => {
  assert.equal(shorten('abc', 3), 'abc');
  assert.equal(shorten('abcd', 3), 'abc... (4 characters)');
  assert.equal(shorten('ab😀d', 3), 'ab... (5 characters)');
});

test('shortenToBytes keeps to bytes of UTF-8', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.integer({ min: 3, max: 60 }), (text, max) => {
      const result = shortenToBytes(text, max);
      assert.ok(Buffer.byteLength(result) <= max);
      if (Buffer.byteLength(text) <= max) assert.equal(result, text);
      else assert.ok(result.endsWith('...') && text.startsWith(result.slice(0, -3)));
    }),
  );
  assert.equal(Buffer.byteLength(shortenToBytes('ä'.repeat(1_024), 1_024)), 1_023);
});
