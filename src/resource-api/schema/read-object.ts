import { invariant } from '../../lib/invariant.ts';
import { isJsonObject, type JsonObject } from '../kube-object.ts';
import { canonicalQuantity } from '../quantity.ts';
import type { FieldType, Primitive } from './field-type.ts';
import type { ObjectFields, Schema } from './schema.ts';

/** Keys and indices from an object to one of its fields. */
export type FieldPath = readonly (string | number)[];

/** A field that the type does not have, or that holds another kind of value. */
export interface FieldProblem {
  readonly path: FieldPath;
  readonly kind: 'unknown' | 'wrong-type';
  readonly value: unknown;
  /** The type that has no such field, or what kind of value belongs there: "string", "a list". */
  readonly type: string;
}

/** An object in its canonical form, and what of the given one is not in it. */
export interface ObjectReading {
  readonly object: JsonObject;
  readonly problems: readonly FieldProblem[];
}

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

/** Reads values by their types and collects what does not fit. */
class ObjectReader {
  readonly problems: FieldProblem[] = [];
  readonly #schema: Schema;

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  fieldsOf(type: string): ObjectFields {
    const fields = this.#schema.get(type);
    invariant(fields, `the schema has the type ${type}`);
    return fields;
  }

  /** The value in canonical form; undefined where it is of another kind. */
  read(value: unknown, type: FieldType, path: FieldPath): unknown {
    switch (type.kind) {
      case 'primitive':
        if (!isOfPrimitive(value, type.of)) return this.#refuse(value, type.of, path);
        return type.of === 'quantity' ? canonicalQuantity(String(value)) : value;
      case 'list':
        if (!Array.isArray(value)) return this.#refuse(value, 'a list', path);
        return value.map((item: unknown, index) => this.read(item, type.items, [...path, index]));
      case 'map':
        if (!isJsonObject(value)) return this.#refuse(value, 'an object', path);
        return this.#readFields(value, path, () => type.values);
      case 'object': {
        if (!isJsonObject(value)) return this.#refuse(value, 'an object', path);
        const fields = this.fieldsOf(type.type);
        return this.#readFields(
          value,
          path,
          (key) => fields.get(key) ?? this.#reportUnknown(value, key, [path, type.type]),
        );
      }
    }
  }

  #readFields(value: JsonObject, path: FieldPath, typeOf: (key: string) => FieldType | undefined): JsonObject {
    const object: JsonObject = {};
    for (const [key, item] of Object.entries(value)) {
      const type = typeOf(key);
      // As in Go, null means the same as an absent field.
      if (!type || item === null || item === undefined) continue;
      const read = this.read(item, type, [...path, key]);
      if (read !== undefined) object[key] = read;
    }
    return object;
  }

  #reportUnknown(holder: JsonObject, key: string, [path, type]: readonly [FieldPath, string]): undefined {
    this.problems.push({ path: [...path, key], kind: 'unknown', value: holder[key], type });
    return undefined;
  }

  #refuse(value: unknown, type: string, path: FieldPath): undefined {
    this.problems.push({ path, kind: 'wrong-type', value, type });
    return undefined;
  }
}

/**
 * Brings a JSON value into the canonical form of a type: unknown fields are dropped, nulls count as absent, quantities become
 * canonical, values of another kind are left out. Always a new object.
 * @param typeName a type of the schema.
 */
export function readObject(value: unknown, typeName: string, schema: Schema): ObjectReading {
  const reader = new ObjectReader(schema);
  const object = reader.read(value, { kind: 'object', type: typeName }, []);
  return { object: isJsonObject(object) ? object : {}, problems: reader.problems };
}

/** A path as Kubernetes writes it: "spec.devices[0].name". */
export function formatFieldPath(path: FieldPath): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index === 0 ? '' : '.'}${step}`))
    .join('');
}
