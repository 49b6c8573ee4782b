import { invariant } from '../../../src/lib/invariant.ts';
import { isJsonObject, type JsonObject } from '../kube-object.ts';
import { canonicalQuantity } from '../quantity.ts';
import { badRequest } from '../status-error.ts';
import type { FieldType, Primitive } from './field-type.ts';
import { SCHEMA } from './schema.ts';

/** An object in the form the server stores, and what it did not know. */
export interface DecodedObject {
  readonly object: JsonObject;
  /** Dotted paths of fields that were dropped. */
  readonly unknownFields: readonly string[];
}

/** Deepest nesting that is read; Kubernetes objects of these kinds are far flatter. */
const DEPTH_MAX = 64;

function isOfPrimitive(value: unknown, primitive: Primitive): boolean {
  switch (primitive) {
    case 'string':
    case 'time':
      return typeof value === 'string';
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return typeof value === 'number';
    case 'boolean':
      return typeof value === 'boolean';
    case 'quantity':
    case 'intOrString':
      return typeof value === 'string' || typeof value === 'number';
    case 'any':
      return true;
  }
}

class Decoder {
  readonly unknownFields: string[] = [];

  #primitive(value: unknown, primitive: Primitive, path: string): unknown {
    if (!isOfPrimitive(value, primitive)) {
      throw badRequest(`Cannot decode ${path}: got ${JSON.stringify(value)?.slice(0, 80)}; expected ${primitive}`);
    }
    return primitive === 'quantity' ? canonicalQuantity(String(value)) : value;
  }

  #list(value: unknown, items: FieldType, path: string): unknown {
    if (!Array.isArray(value)) throw badRequest(`Cannot decode ${path}: expected a list`);
    return value.map((item: unknown, index) => this.decode(item, items, `${path}[${index}]`));
  }

  #fields(value: unknown, typeOf: (key: string) => FieldType | undefined, path: string): JsonObject {
    if (!isJsonObject(value)) throw badRequest(`Cannot decode ${path}: expected an object`);
    const object: JsonObject = {};
    for (const [key, item] of Object.entries(value)) {
      const type = typeOf(key);
      const itemPath = path === '' ? key : `${path}.${key}`;
      if (!type) this.unknownFields.push(itemPath);
      // As in Go, null means the same as an absent field.
      else if (item !== null && item !== undefined) object[key] = this.decode(item, type, itemPath);
    }
    return object;
  }

  decode(value: unknown, type: FieldType, path: string): unknown {
    if (path.split('.').length > DEPTH_MAX) throw badRequest(`Cannot decode ${path}: nested too deeply`);
    switch (type.kind) {
      case 'primitive':
        return this.#primitive(value, type.of, path);
      case 'list':
        return this.#list(value, type.items, path);
      case 'map':
        return this.#fields(value, () => type.values, path);
      case 'object': {
        const fields = SCHEMA.get(type.type);
        invariant(fields, `the field table knows type ${type.type}`);
        return this.#fields(value, (key) => fields.get(key), path);
      }
    }
  }
}

/**
 * Brings a JSON value into the stored form of a type: unknown fields are dropped, nulls count as absent, quantities
 * become canonical. Always a new object.
 * @throws StatusError BadRequest when a known field holds the wrong kind of value.
 */
export function decodeObject(value: unknown, typeName: string): DecodedObject {
  const decoder = new Decoder();
  const object = decoder.decode(value, { kind: 'object', type: typeName }, '');
  invariant(isJsonObject(object), 'an object type decodes to an object');
  return { object, unknownFields: decoder.unknownFields };
}
