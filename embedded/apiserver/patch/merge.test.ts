import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyMergePatch } from './merge.ts';

const pod = {
  metadata: { name: 'db', labels: { a: '1', b: '2' }, finalizers: ['x', 'y'] },
  spec: {
    containers: [
      { name: 'main', image: 'one', command: ['a', 'b'] },
      { name: 'side', image: 'two' },
    ],
  },
  status: { conditions: [{ type: 'Ready', status: 'False', reason: 'Why' }] },
};

describe('applyMergePatch with a type', () => {
  const cases: [string, object, (patched: typeof pod) => unknown, unknown][] = [
    ['removes fields that are null', { metadata: { labels: { a: null } } }, (p) => p.metadata.labels, { b: '2' }],
    [
      'merges list entries by their key',
      { spec: { containers: [{ name: 'side', image: 'new' }] } },
      (p) => p.spec.containers.map(({ image }) => image),
      ['one', 'new'],
    ],
    ['appends new entries', { spec: { containers: [{ name: 'late' }] } }, (p) => p.spec.containers.length, 3],
    [
      'replaces lists without a key',
      { spec: { containers: [{ name: 'main', command: ['c'] }] } },
      (p) => p.spec.containers[0]?.command,
      ['c'],
    ],
    [
      'deletes an entry',
      { spec: { containers: [{ name: 'main', $patch: 'delete' }] } },
      (p) => p.spec.containers.map(({ name }) => name),
      ['side'],
    ],
    [
      'takes what kubectl apply sends of a changed container',
      { spec: { '$setElementOrder/containers': [{ name: 'main' }], containers: [{ name: 'main', image: 'new' }] } },
      (p) => p.spec.containers.map(({ image }) => image),
      ['new', 'two'],
    ],
    ['adds to a set', { metadata: { finalizers: ['y', 'z'] } }, (p) => p.metadata.finalizers, ['x', 'y', 'z']],
    [
      'merges conditions by type',
      { status: { conditions: [{ type: 'Ready', status: 'True', reason: null }] } },
      (p) => p.status.conditions,
      [{ type: 'Ready', status: 'True' }],
    ],
  ];
  for (const [what, patch, look, expected] of cases) {
    it(what, () => {
      const before = structuredClone(pod);
      const patched = applyMergePatch(pod, patch as Record<string, unknown>, 'Pod');
      assert.deepEqual(look(patched as unknown as typeof pod), expected);
      assert.deepEqual(pod, before, 'the object itself stays');
    });
  }

  it('replaces lists that only server-side apply merges', () => {
    const status = { devices: [{ driver: 'a', pool: 'p', device: 'd' }] };
    const patch = { status: { devices: [{ driver: 'b', pool: 'p', device: 'd' }] } };
    assert.deepEqual(applyMergePatch({ status }, patch, 'ResourceClaim'), patch);
  });

  it('refuses directives that it does not know', () => {
    for (const patch of [
      { metadata: { $retainKeys: ['name'] } },
      { metadata: { '$deleteFromPrimitiveList/finalizers': ['x'] } },
    ]) {
      assert.throws(() => applyMergePatch(pod, patch, 'Pod'), { code: 'BadRequest', message: /directive "\$/ });
    }
  });
});

describe('applyMergePatch without a type', () => {
  it('merges objects, replaces lists and removes what is null', () => {
    const merged = applyMergePatch({ a: { b: 1, c: 2 }, l: [1, 2] }, { a: { b: null, d: 3 }, l: [3] });
    assert.deepEqual(merged, { a: { c: 2, d: 3 }, l: [3] });
  });

  it('leaves out what is null in new objects, and takes directives for names', () => {
    assert.deepEqual(applyMergePatch({}, { a: { b: null, $c: 1 } }), { a: { $c: 1 } });
  });
});
