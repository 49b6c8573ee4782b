import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as models from '@kubernetes/client-node';
import { CORE_TYPES } from './core-types.ts';
import { decodeObject, SCHEMA } from './schema.ts';

/** Types of the official client that have another name there. */
const CLIENT_NAMES: Readonly<Record<string, string>> = {
  CoreEvent: 'CoreV1Event',
  EventsEvent: 'EventsV1Event',
  CoreEventSeries: 'CoreV1EventSeries',
  EventsEventSeries: 'EventsV1EventSeries',
};

interface ClientModel {
  getAttributeTypeMap(): { baseName: string }[];
}

describe('SCHEMA', () => {
  it('has for the core types the fields of the official client', () => {
    for (const type of Object.keys(CORE_TYPES)) {
      const model = (models as unknown as Record<string, ClientModel>)[CLIENT_NAMES[type] ?? `V1${type}`];
      const known = model?.getAttributeTypeMap().map(({ baseName }) => baseName);
      assert.deepEqual([...(SCHEMA.get(type)?.keys() ?? [])].sort(), known?.sort(), type);
    }
  });

  it('refers to no type that it does not have', () => {
    for (const [type, fields] of SCHEMA) {
      for (let field of fields.values()) {
        while (field.kind === 'list' || field.kind === 'map')
          field = field.kind === 'list' ? field.items : field.values;
        if (field.kind === 'object') assert.ok(SCHEMA.has(field.type), `${type} refers to ${field.type}`);
      }
    }
  });
});

describe('decodeObject', () => {
  it('drops fields it does not know and names them', () => {
    const { object, unknownFields } = decodeObject(
      { spec: { driver: 'd', nope: 1, devices: [{ name: 'a', color: 'red' }] } },
      'ResourceSlice',
    );
    assert.deepEqual(object, { spec: { driver: 'd', devices: [{ name: 'a' }] } });
    assert.deepEqual(unknownFields, ['spec.nope', 'spec.devices[0].color']);
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
