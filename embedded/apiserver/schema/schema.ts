import { CORE_TYPES } from './core-types.ts';
import { type FieldType, parseFieldType } from './field-type.ts';
import { META_TYPES } from './meta-types.ts';
import { POD_TYPES } from './pod-types.ts';
import { RESOURCE_TYPES } from './resource-types.ts';

/** The fields of one type by name. */
export type ObjectFields = ReadonlyMap<string, FieldType>;

/** Every type this server knows, read once. */
export const SCHEMA: ReadonlyMap<string, ObjectFields> = new Map(
  Object.entries({ ...META_TYPES, ...CORE_TYPES, ...POD_TYPES, ...RESOURCE_TYPES }).map(([name, text]) => [
    name,
    new Map(
      text
        .trim()
        .split(/\s+/)
        .map((field) => {
          const colon = field.indexOf(':');
          return [field.slice(0, colon), parseFieldType(field.slice(colon + 1))] as const;
        }),
    ),
  ]),
);

/** What lies below a field, undefined below a value that is not looked into. */
export function childType(type: FieldType | undefined, key: string): FieldType | undefined {
  if (type?.kind === 'map') return type.values;
  if (type?.kind === 'object') return SCHEMA.get(type.type)?.get(key);
  return undefined;
}
