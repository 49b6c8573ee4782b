import type { JsonObject } from '../../src/resource-api/kube-object.ts';
import type { FieldType } from '../../src/resource-api/schema/field-type.ts';
import { META_TYPES } from '../../src/resource-api/schema/meta-types.ts';
import { POD_TYPES } from '../../src/resource-api/schema/pod-types.ts';
import { formatFieldPath, readObject } from '../../src/resource-api/schema/read-object.ts';
import { RESOURCE_TYPES } from '../../src/resource-api/schema/resource-types.ts';
import { childType as childTypeOf, readSchema } from '../../src/resource-api/schema/schema.ts';
import { VOLUME_TYPES } from '../../src/resource-api/schema/volume-types.ts';
import { CORE_TYPES } from './core-types.ts';
import { badRequest } from './status-error.ts';

/** Every type this server knows. */
export const SCHEMA = readSchema(META_TYPES, CORE_TYPES, POD_TYPES, VOLUME_TYPES, RESOURCE_TYPES);

/** An object in the form the server stores, and what it did not know. */
export interface DecodedObject {
  readonly object: JsonObject;
  /** Dotted paths of fields that were dropped. */
  readonly unknownFields: readonly string[];
}

/** What lies below a field, undefined below a value that is not looked into. */
export function childType(type: FieldType | undefined, key: string): FieldType | undefined {
  return childTypeOf(SCHEMA, type, key);
}

/**
 * Brings a JSON value into the form the server stores; fields it does not know are dropped. Always a new object.
 * @throws StatusError BadRequest when a known field holds the wrong kind of value.
 */
export function decodeObject(value: unknown, typeName: string): DecodedObject {
  const { object, problems } = readObject(value, typeName, SCHEMA);
  const wrong = problems.find(({ kind }) => kind === 'wrong-type');
  if (wrong) {
    const got = JSON.stringify(wrong.value)?.slice(0, 80);
    throw badRequest(`Cannot decode ${formatFieldPath(wrong.path)}: got ${got}; expected ${wrong.type}`);
  }
  return { object, unknownFields: problems.map(({ path }) => formatFieldPath(path)) };
}
