import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as models from '@kubernetes/client-node';
import { SCHEMA } from './schema.ts';

/** Types of the official client that go by another name there. */
const CLIENT_NAMES: Record<string, string> = {
  CoreEvent: 'CoreV1Event',
  EventsEvent: 'EventsV1Event',
  CoreEventSeries: 'CoreV1EventSeries',
  EventsEventSeries: 'EventsV1EventSeries',
  CoreResourceClaim: 'CoreV1ResourceClaim',
  ResourceClaim: 'ResourceV1ResourceClaim',
};

/** Types and fields that Kubernetes 1.37 adds and the client (1.36) does not know. */
const NEWER_TYPES = ['NodeAllocatableResource', 'NodeAllocatableMapping', 'NodeAllocatableOverhead'];
const NEWER_FIELDS: Record<string, string[]> = {
  ResourceSliceSpec: ['partitionTypeAttribute', 'skipNodeOperations'],
  Device: ['nodeAllocatableResources'],
};

interface ClientModel {
  getAttributeTypeMap(): { baseName: string }[];
}

function clientFields(type: string): string[] {
  const name = CLIENT_NAMES[type] ?? `V1${type}`;
  const model = (models as unknown as Record<string, ClientModel | undefined>)[name];
  assert.ok(model, `the official client knows ${name}`);
  return model.getAttributeTypeMap().map(({ baseName }) => baseName);
}

describe('SCHEMA', () => {
  it('has the fields of the official client, type by type', () => {
    for (const [type, fields] of SCHEMA) {
      if (NEWER_TYPES.includes(type)) continue;
      const expected = [...clientFields(type), ...(NEWER_FIELDS[type] ?? [])].sort();
      assert.deepEqual([...fields.keys()].sort(), expected, type);
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
