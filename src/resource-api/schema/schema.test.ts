import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as models from '@kubernetes/client-node';
import { SCHEMAS, VERSIONS_OF_KIND } from './kinds.ts';
import type { Schema } from './schema.ts';

/** Types of the official client that have another name there. */
const CLIENT_NAMES: Readonly<Record<string, string>> = {
  CoreResourceClaim: 'CoreV1ResourceClaim',
  'V1 ResourceClaim': 'ResourceV1ResourceClaim',
};

/** Types and fields that Kubernetes 1.37 adds and the client (1.36) does not know. */
const NEWER_TYPES = ['NodeAllocatableResource', 'NodeAllocatableMapping', 'NodeAllocatableOverhead'];
const NEWER_FIELDS: Readonly<Record<string, string[]>> = {
  ResourceSliceSpec: ['partitionTypeAttribute', 'skipNodeOperations'],
  Device: ['nodeAllocatableResources'],
  BasicDevice: ['nodeAllocatableResources'],
};

interface ClientModel {
  getAttributeTypeMap(): { baseName: string; type: string }[];
}

/** The client's model of a type, in its own version where the type has several. */
function findModel(type: string, version: string): ClientModel {
  const byName = models as unknown as Record<string, ClientModel | undefined>;
  const named = CLIENT_NAMES[type] ?? CLIENT_NAMES[`${version} ${type}`];
  const model = (named && byName[named]) || byName[`${version}${type}`] || byName[`V1${type}`];
  assert.ok(model, `the official client knows ${version} ${type}`);
  return model;
}

function checkFields(schema: Schema, version: string): void {
  for (const [type, fields] of schema) {
    if (NEWER_TYPES.includes(type)) continue;
    const known = findModel(type, version)
      .getAttributeTypeMap()
      .map(({ baseName }) => baseName);
    const newer = type === 'Device' && version === 'V1beta1' ? [] : (NEWER_FIELDS[type] ?? []);
    assert.deepEqual([...fields.keys()].sort(), [...known, ...newer].sort(), type);
  }
}

describe('SCHEMAS', () => {
  for (const [apiVersion, schema] of SCHEMAS) {
    const version = `V1${apiVersion.split('/').at(-1)?.slice(2) ?? ''}`;
    it(`has for ${apiVersion} the fields of the official client, type by type`, () => checkFields(schema, version));

    it(`refers for ${apiVersion} to no type that it does not have`, () => {
      for (const [type, fields] of schema) {
        for (let field of fields.values()) {
          while (field.kind === 'list' || field.kind === 'map')
            field = field.kind === 'list' ? field.items : field.values;
          if (field.kind === 'object') assert.ok(schema.has(field.type), `${type} refers to ${field.type}`);
        }
      }
    });
  }

  it('has the type of every kind in each of its versions', () => {
    for (const [kind, versions] of VERSIONS_OF_KIND) {
      for (const version of versions) assert.ok(SCHEMAS.get(version)?.has(kind), `${version} ${kind}`);
    }
  });
});
