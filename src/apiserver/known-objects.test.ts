import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ApiObject } from './api-object.ts';
import { KnownObjects } from './known-objects.ts';

function object(name: string, uid: string, version: number | string): ApiObject {
  return { metadata: { name, uid, resourceVersion: String(version) } };
}

/** Objects that were listed at resourceVersion 10. */
function listed(...items: ApiObject[]): KnownObjects<ApiObject> {
  const known = new KnownObjects<ApiObject>();
  known.beginList();
  known.replace({ items, resourceVersion: '10', length: items.length });
  return known;
}

function shown(known: KnownObjects<ApiObject>): string[] {
  return known.objects
    .map(({ metadata: { name, uid, resourceVersion } }) => `${name} ${uid} ${resourceVersion}`)
    .sort();
}

describe('KnownObjects', () => {
  it('does not bring back an object that was deleted before the answer to its POST came (issue 13, line 13)', () => {
    const known = listed();
    const { position } = known;
    known.apply('ADDED', object('a', 'u1', 11), 1);
    known.apply('DELETED', object('a', 'u1', 12), 1);
    assert.equal(known.note(object('a', 'u1', 11), position), true);
    assert.deepEqual(shown(known), []);
  });

  it('does not bring back an object that went while the watch was away, by the list that shows it', () => {
    const known = listed();
    const { position } = known;
    known.beginList();
    known.replace({ items: [], resourceVersion: '20', length: 0 });
    assert.equal(known.note(object('a', 'u1', 11), position), true);
    assert.deepEqual(shown(known), []);
  });

  it('has what an answer tells before the watch does, and changes nothing when the watch follows', () => {
    const known = listed();
    known.note(object('a', 'u1', 11), '10');
    assert.deepEqual(shown(known), ['a u1 11']);
    known.note(object('a', 'u1', 12), '10');
    known.apply('ADDED', object('a', 'u1', 11), 1);
    assert.deepEqual(shown(known), ['a u1 12']);
    known.apply('MODIFIED', object('a', 'u1', 12), 1);
    assert.deepEqual(shown(known), ['a u1 12']);
  });

  it('keeps what was written while a list was on its way, and only that', () => {
    const known = listed(object('old', 'u1', 5));
    known.beginList();
    known.note(object('new', 'u2', 31), '10');
    known.replace({ items: [], resourceVersion: '30', length: 0 });
    assert.deepEqual(shown(known), ['new u2 31']);
    known.beginList();
    known.replace({ items: [], resourceVersion: '30', length: 0 });
    assert.deepEqual(shown(known), []);
  });

  it('knows the successor of a name from the one before', () => {
    const known = listed(object('a', 'u1', 5));
    known.note(object('a', 'u2', 13), '10');
    known.apply('DELETED', object('a', 'u1', 12), 1);
    assert.deepEqual(shown(known), ['a u2 13']);
    known.apply('DELETED', object('a', 'u2', 14), 1);
    assert.deepEqual(shown(known), []);
  });

  it('drops an object whose DELETED event carries its last resourceVersion, as some servers write it', () => {
    const known = listed();
    known.note(object('a', 'u1', 12), '10');
    known.apply('DELETED', object('a', 'u1', 11), 1);
    assert.deepEqual(shown(known), []);
  });

  it('finds out that the server went back to an earlier state', () => {
    const known = listed(object('a', 'u1', 5));
    for (const version of [10, 9, '', 'abc']) {
      assert.throws(() => known.apply('MODIFIED', object('a', 'u1', version), 1), { code: 'OutOfOrder' });
      assert.equal(known.note(object('b', 'u2', version), '10'), false, String(version));
    }
    // A PUT that changes nothing is answered with the version that it had.
    assert.equal(known.note(object('a', 'u1', 5), '10'), true);
    assert.deepEqual(shown(known), ['a u1 5']);
    known.beginList();
    known.replace({ items: [object('a', 'u1', 4)], resourceVersion: '7', length: 1 });
    known.apply('MODIFIED', object('a', 'u1', 8), 1);
    assert.deepEqual(shown(known), ['a u1 8']);
  });

  it('compares resourceVersions as numbers of any length', () => {
    const known = listed(object('a', 'u1', 9));
    known.apply('MODIFIED', object('a', 'u1', '9007199254740993'), 1);
    known.apply('MODIFIED', object('a', 'u1', '9007199254740994'), 1);
    assert.throws(() => known.apply('MODIFIED', object('a', 'u1', '9007199254740993'), 1), { code: 'OutOfOrder' });
  });

  it('does not go back for a bookmark of a server that is behind', () => {
    const known = listed();
    known.advance('15');
    known.advance('12');
    known.advance('');
    assert.equal(known.position, '15');
  });

  it('refuses more objects, or larger ones, than any node has', () => {
    const known = listed();
    const half = 40 * 1024 * 1024;
    known.apply('ADDED', object('a', 'u1', 11), half);
    known.apply('MODIFIED', object('a', 'u1', 12), half);
    assert.throws(() => known.apply('ADDED', object('b', 'u2', 13), half), { code: 'MalformedAnswer' });
    const many = Array.from({ length: 10_001 }, (_, index) => object(`n${index}`, `u${index}`, 5));
    assert.throws(() => listed(...many), { code: 'MalformedAnswer' });
  });
});
