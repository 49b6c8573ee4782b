import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyJsonPatch } from './json-patch.ts';

describe('applyJsonPatch', () => {
  const cases: [string, object, object[], object][] = [
    ['adds a field', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    ['inserts into a list', { l: [1, 3] }, [{ op: 'add', path: '/l/1', value: 2 }], { l: [1, 2, 3] }],
    ['appends to a list', { l: [1] }, [{ op: 'add', path: '/l/-', value: 2 }], { l: [1, 2] }],
    ['removes a field', { a: 1, b: 2 }, [{ op: 'remove', path: '/b' }], { a: 1 }],
    ['replaces', { a: { b: 1 } }, [{ op: 'replace', path: '/a/b', value: null }], { a: { b: null } }],
    ['unescapes pointers', { 'a/b~c': 1 }, [{ op: 'remove', path: '/a~1b~0c' }], {}],
    ['goes on after a test that holds', { a: 1 }, [{ op: 'test', path: '/a', value: 1 }], { a: 1 }],
  ];
  for (const [what, document, patch, expected] of cases) {
    it(what, () => {
      const before = structuredClone(document);
      assert.deepEqual(applyJsonPatch(document, patch), expected);
      assert.deepEqual(document, before, 'the document itself stays');
    });
  }

  const refusals: [string, unknown, string][] = [
    ['a test that does not hold', [{ op: 'test', path: '/a', value: 2 }], 'Invalid'],
    ['a path that is not there', [{ op: 'remove', path: '/x/y' }], 'Invalid'],
    ['an index out of range', [{ op: 'add', path: '/l/9', value: 1 }], 'Invalid'],
    ['an unknown operation', [{ op: 'swap', path: '/a' }], 'BadRequest'],
    ['a patch that is no list', { op: 'add' }, 'BadRequest'],
    ['an operation without a path', [{ op: 'add' }], 'BadRequest'],
    ['the whole document', [{ op: 'remove', path: '' }], 'Invalid'],
  ];
  for (const [what, patch, code] of refusals) {
    it(`refuses ${what}`, () => assert.throws(() => applyJsonPatch({ a: 1, l: [] }, patch), { code }));
  }
});
