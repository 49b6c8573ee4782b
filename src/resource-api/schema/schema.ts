import { type FieldTable, type FieldType, parseFieldType } from './field-type.ts';

/** The fields of one type by name. */
export type ObjectFields = ReadonlyMap<string, FieldType>;

/** Types by name. */
export type Schema = ReadonlyMap<string, ObjectFields>;

function readFields(text: string): ObjectFields {
  const fields = text.trim().split(/\s+/);
  return new Map(
    fields.map((field) => {
      const colon = field.indexOf(':');
      return [field.slice(0, colon), parseFieldType(field.slice(colon + 1))] as const;
    }),
  );
}

/** Reads tables of types; a type of a later table replaces one of the same name. */
export function readSchema(...tables: readonly FieldTable[]): Schema {
  return new Map(tables.flatMap((table) => Object.entries(table)).map(([name, text]) => [name, readFields(text)]));
}

/** What lies below a field, undefined below a value that is not looked into. */
export function childType(schema: Schema, type: FieldType | undefined, key: string): FieldType | undefined {
  if (type?.kind === 'map') return type.values;
  if (type?.kind === 'object') return schema.get(type.type)?.get(key);
  return undefined;
}
