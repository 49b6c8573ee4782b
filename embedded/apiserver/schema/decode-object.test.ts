import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeObject } from './decode-object.ts';

describe('decodeObject', () => {
  it('drops fields it does not know and names them', () => {
    const { object, unknownFields } = decodeObject(
      { spec: { driver: 'd', nope: 1, devices: [{ name: 'a', color: 'red' }] } },
      'ResourceSlice',
    );
    assert.deepEqual(object, { spec: { driver: 'd', devices: [{ name: 'a' }] } });
    assert.deepEqual(unknownFields, ['spec.nope', 'spec.devices[0].color']);
  });

  it('takes null for absent and makes quantities canonical', () => {
    const { object } = decodeObject(
      { spec: { nodeName: null, devices: [{ name: 'a', capacity: { cpu: { value: 4000 } } }] } },
      'ResourceSlice',
    );
    assert.deepEqual(object, { spec: { devices: [{ name: 'a', capacity: { cpu: { value: '4k' } } }] } });
  });

  const wrong: [string, object][] = [
    ['a list where an object belongs', { spec: [] }],
    ['an object where a list belongs', { spec: { devices: {} } }],
    ['a text where a number belongs', { spec: { pool: { generation: '1' } } }],
    ['a fraction where a whole number belongs', { spec: { pool: { generation: 1.5 } } }],
    ['a number where a text belongs', { spec: { driver: 7 } }],
  ];
  for (const [what, value] of wrong) {
    it(`refuses ${what}`, () => {
      assert.throws(() => decodeObject(value, 'ResourceSlice'), { code: 'BadRequest', message: /Cannot decode spec/ });
    });
  }
});
