import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as assertProperty, integer, property, string } from 'fast-check';
import { CpuSet } from './cpu-set.ts';
import { type CpuListErrorCode, CpuListError, parseCpuList, parseCpuMask, tryParseCpuList } from './parse.ts';

const lists: [text: string, want: string][] = [
  ['', ''],
  ['\n', ''],
  ['0\n', '0'],
  ['0-0', '0'],
  ['007', '7'],
  ['0-3,8', '0-3,8'],
  ['8,0-3', '0-3,8'],
  ['0-3,2-5,4', '0-5'],
  ['0,2,4,6-7,65535', '0,2,4,6-7,65535'],
];

for (const [text, want] of lists) {
  test(`parseCpuList reads ${JSON.stringify(text)} as ${JSON.stringify(want)}`, () => {
    assert.equal(parseCpuList(text).toString(), want);
  });
}

const badLists: [text: string, code: CpuListErrorCode][] = [
  [',', 'EmptyItem'],
  ['0,', 'EmptyItem'],
  [',0', 'EmptyItem'],
  ['0,,1', 'EmptyItem'],
  [' ', 'Spaces'],
  ['0, 1', 'Spaces'],
  ['0 - 1', 'Spaces'],
  ['0-1\r\n', 'Spaces'],
  ['0-1\n\n', 'Spaces'],
  ['0-7:1/2', 'Stride'],
  ['0-7/2', 'Stride'],
  ['-1', 'NotANumber'],
  ['0-', 'NotANumber'],
  ['0--3', 'NotANumber'],
  ['0-1-2', 'NotANumber'],
  ['0x3', 'NotANumber'],
  ['1e3', 'NotANumber'],
  ['1.5', 'NotANumber'],
  ['all', 'NotANumber'],
  ['(null)', 'NotANumber'],
  ['٣', 'NotANumber'],
  ['3-1', 'ReversedRange'],
  ['65536', 'Overflow'],
  ['0-65536', 'Overflow'],
  ['99999999999999999999', 'Overflow'],
];

for (const [text, code] of badLists) {
  test(`parseCpuList refuses ${JSON.stringify(text)}: ${code}`, () => {
    assert.throws(
      () => parseCpuList(text),
      (error: unknown) =>
        error instanceof CpuListError && error.code === code && error.message.startsWith('Cannot read the CPU list "'),
    );
  });
}

const masks: [text: string, want: string][] = [
  ['0', ''],
  ['00000000,00000000\n', ''],
  ['1', '0'],
  ['f\n', '0-3'],
  ['ffff,ffffffff', '0-47'],
  ['00000001,00000000', '32'],
  ['FF', '0-7'],
];

for (const [text, want] of masks) {
  test(`parseCpuMask reads ${JSON.stringify(text)} as ${JSON.stringify(want)}`, () => {
    assert.equal(parseCpuMask(text).toString(), want);
  });
}

const badMasks: [text: string, code: CpuListErrorCode][] = [
  ['', 'EmptyItem'],
  ['\n', 'EmptyItem'],
  ['1,,1', 'EmptyItem'],
  ['1, 1', 'Spaces'],
  ['0x1', 'NotANumber'],
  ['g', 'NotANumber'],
  ['123456789', 'NotANumber'],
  [`1${',00000000'.repeat(2048)}`, 'Overflow'],
];

for (const [text, code] of badMasks) {
  test(`parseCpuMask refuses ${JSON.stringify(text.slice(0, 20))}: ${code}`, () => {
    assert.throws(
      () => parseCpuMask(text),
      (error: unknown) =>
        error instanceof CpuListError && error.code === code && error.message.startsWith('Cannot read the CPU mask "'),
    );
  });
}

const sets = array(integer({ min: 0, max: 2_000 }), { maxLength: 60 }).map((cpus) => CpuSet.from(cpus));

test('parseCpuList reads what CpuSet.toString writes', () => {
  assertProperty(property(sets, (set) => assert.ok(parseCpuList(`${set}\n`).equals(set))));
});

test('tryParseCpuList gives nothing for what is no list', () => {
  assert.equal(tryParseCpuList('0-2')?.toString(), '0-2');
  assert.equal(tryParseCpuList('')?.isEmpty, true);
  for (const value of ['3-1', 'a', 4, null, undefined]) assert.equal(tryParseCpuList(value), undefined);
});

test('parseCpuMask reads what CpuSet.toMask writes', () => {
  assertProperty(property(sets, (set) => assert.ok(parseCpuMask(`${set.toMask()}\n`).equals(set))));
});

test('parseCpuList and parseCpuMask throw nothing but CpuListError', () => {
  assertProperty(
    property(string({ unit: 'binary-ascii' }), (text) => {
      for (const parse of [parseCpuList, parseCpuMask]) {
        try {
          parse(text);
        } catch (error) {
          assert.ok(error instanceof CpuListError);
        }
      }
    }),
  );
});
