import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError } from './coded-error.ts';
import { JsonReader } from './json-reader.ts';

class TestError extends CodedError<'Wrong'> {}

const read = (value: unknown, itemsMax?: number) =>
  new JsonReader(value, {
    fail: ({ path, value: found, want }) => {
      throw new TestError('Wrong', `${path || 'the document'} is ${found}; want ${want}`);
    },
    ...(itemsMax === undefined ? {} : { itemsMax }),
  });

test('JsonReader reads every kind of field', () => {
  const reader = read({
    name: 'db',
    empty: '',
    count: 3,
    on: false,
    texts: ['a', ''],
    within: { deep: [{ name: 'x' }] },
    nothing: null,
  });
  assert.equal(reader.name('name'), 'db');
  assert.equal(reader.text('empty'), '');
  assert.equal(reader.wholeNumber('count'), 3);
  assert.equal(reader.optionalFlag('on'), false);
  assert.equal(reader.number('count'), 3);
  assert.deepEqual(reader.texts('texts'), ['a', '']);
  assert.equal(reader.object('within').objects('deep')[0]?.name('name'), 'x');
  assert.equal(reader.optionalOneOf('name', ['db', 'web']), 'db');
  assert.deepEqual(reader.raw('within'), { deep: [{ name: 'x' }] });
});

test('JsonReader takes null for absent, and what is absent for nothing', () => {
  for (const reader of [read({}), read({ key: null })]) {
    assert.equal(reader.has('key'), false);
    assert.deepEqual([reader.objects('key'), reader.texts('key')], [[], []]);
    assert.deepEqual(
      [
        reader.raw('key'),
        reader.optionalObject('key'),
        reader.optionalName('key'),
        reader.optionalWholeNumber('key'),
        reader.optionalFlag('key'),
        reader.optionalOneOf('key', ['x']),
      ],
      Array(6).fill(undefined),
    );
  }
});

const mistakes: [what: string, run: () => unknown, message: string][] = [
  ['a document that is a list', () => read([]), 'the document is []; want an object'],
  ['a document that is absent', () => read(undefined), 'the document is missing; want an object'],
  ['an object that is absent', () => read({}).object('a'), 'a is missing; want an object'],
  ['an object that is null', () => read({ a: null }).object('a'), 'a is null; want an object'],
  [
    'an item',
    () =>
      read({ a: { b: [{}, 7] } })
        .object('a')
        .objects('b'),
    'a.b[1] is 7; want an object',
  ],
  [
    'a field of an item',
    () =>
      read({ a: [{ b: 1 }] })
        .objects('a')[0]
        ?.text('b'),
    'a[0].b is 1; want a string',
  ],
  ['an empty name', () => read({ a: '' }).name('a'), 'a is ""; want a string of 1 to 512 characters'],
  ['a list that is none', () => read({ a: {} }).texts('a'), 'a is {}; want a list'],
  ['a list of others', () => read({ a: ['x', 1] }).texts('a'), 'a is ["x",1]; want a list of strings'],
  ['a long list', () => read({ a: [{}, {}, {}] }, 2).objects('a'), 'a is [{},{},{}]; want a list of at most 2 items'],
  ['a negative number', () => read({ a: -1 }).wholeNumber('a', 9), 'a is -1; want a whole number from 0 to 9'],
  ['a number too large', () => read({ a: 10 }).optionalWholeNumber('a', 9), 'a is 10; want a whole number from 0 to 9'],
  ['what is no number', () => read({ a: '1' }).number('a'), 'a is "1"; want a number'],
  ['half a number', () => read({ a: 0.5 }).wholeNumber('a', 9), 'a is 0.5; want a whole number from 0 to 9'],
  ['a flag that is a text', () => read({ a: 'true' }).optionalFlag('a'), 'a is "true"; want true or false'],
  ['another value', () => read({ a: 'x' }).optionalOneOf('a', ['y', 'z']), 'a is "x"; want one of y, z'],
];

for (const [what, run, message] of mistakes) {
  test(`JsonReader names the place of ${what}`, () => {
    assert.throws(run, { code: 'Wrong', message });
  });
}

test('JsonReader shows the beginning of a value that is large', () => {
  const fail = () => read({ a: 'x'.repeat(1 << 20) }).name('a');
  assert.throws(fail, (error: Error) => error.message.length < 1_000 && error.message.startsWith('a is "xxx'));
});
