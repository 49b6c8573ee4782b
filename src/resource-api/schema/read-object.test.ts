import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SCHEMAS } from './kinds.ts';
import { formatFieldPath, readObject } from './read-object.ts';

const schema = SCHEMAS.get('resource.k8s.io/v1');

function read(value: unknown, type = 'ResourceSlice') {
  assert.ok(schema);
  const { object, problems } = readObject(value, type, schema);
  return { object, problems: problems.map(({ kind, path, type }) => `${kind} ${formatFieldPath(path)} ${type}`) };
}

describe('readObject', () => {
  it('drops fields that the type does not have and names them', () => {
    const { object, problems } = read({ spec: { driver: 'd', nope: 1, devices: [{ name: 'a', color: 'red' }] } });
    assert.deepEqual(object, { spec: { driver: 'd', devices: [{ name: 'a' }] } });
    assert.deepEqual(problems, ['unknown spec.nope ResourceSliceSpec', 'unknown spec.devices[0].color Device']);
  });

  it('takes null for absent and makes quantities canonical', () => {
    const { object, problems } = read({
      spec: { nodeName: null, devices: [{ name: 'a', capacity: { cpu: { value: 4000 } } }] },
    });
    assert.deepEqual(object, { spec: { devices: [{ name: 'a', capacity: { cpu: { value: '4k' } } }] } });
    assert.deepEqual(problems, []);
  });

  it('leaves values of another kind out and reports every one', () => {
    const { object, problems } = read({
      metadata: { labels: { a: 1, b: 'x' } },
      spec: { driver: 7, pool: { generation: 1.5, name: [] }, devices: {}, sharedCounters: ['x'], allNodes: 'yes' },
    });
    assert.deepEqual(object, { metadata: { labels: { b: 'x' } }, spec: { pool: {}, sharedCounters: [undefined] } });
    assert.deepEqual(problems, [
      'wrong-type metadata.labels.a string',
      'wrong-type spec.driver string',
      'wrong-type spec.pool.generation integer',
      'wrong-type spec.pool.name string',
      'wrong-type spec.devices a list',
      'wrong-type spec.sharedCounters[0] an object',
      'wrong-type spec.allNodes boolean',
    ]);
  });

  it('does not look into opaque parameters', () => {
    const parameters = { any: [{ thing: null }] };
    const claim = { spec: { devices: { config: [{ opaque: { driver: 'd', parameters } }] } } };
    assert.deepEqual(read(claim, 'ResourceClaim'), { object: claim, problems: [] });
  });

  it('reads what is no object as an empty one', () => {
    for (const value of [undefined, null, 7, 'x', []]) {
      assert.deepEqual(read(value), { object: {}, problems: ['wrong-type  an object'] });
    }
  });
});
