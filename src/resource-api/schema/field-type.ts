/** Fields of types in compact form: `name:type` pairs, see `parseFieldType` for what a type can be. */
export type FieldTable = Readonly<Record<string, string>>;

/** Values that are not objects or lists; a quantity is stored in canonical form, `any` is not looked into. */
export type Primitive = 'string' | 'integer' | 'number' | 'boolean' | 'time' | 'quantity' | 'intOrString' | 'any';

/** How the entries of a list are told apart when lists are merged (listType and patchStrategy of the Go types). */
export interface ListMerge {
  /** Fields that identify an entry; empty for a set of plain values. */
  readonly keys: readonly string[];
  /** Server-side apply merges by these keys, a strategic merge patch replaces the list. */
  readonly applyOnly: boolean;
}

/** What a field holds. A list without `merge` is replaced as a whole. */
export type FieldType =
  | { readonly kind: 'primitive'; readonly of: Primitive }
  | { readonly kind: 'object'; readonly type: string }
  | { readonly kind: 'list'; readonly items: FieldType; readonly merge?: ListMerge }
  | { readonly kind: 'map'; readonly values: FieldType };

const PRIMITIVES: readonly string[] = [
  'string',
  'integer',
  'number',
  'boolean',
  'time',
  'quantity',
  'intOrString',
  'any',
] satisfies Primitive[];

function isPrimitive(text: string): text is Primitive {
  return PRIMITIVES.includes(text);
}

function parseListMerge(text: string): ListMerge | undefined {
  if (text === '') return undefined;
  if (text === 'set') return { keys: [], applyOnly: false };
  const applyOnly = text.startsWith('apply:');
  return { keys: text.replace(/^apply:/, '').split(','), applyOnly };
}

/**
 * Reads a type: a primitive, the name of a type, `{}T` for a map, `[]T` for a list, `[set]T` for a list that is
 * merged as a set, `[key]T` or `[key,key]T` for one merged by keys, `[apply:key]T` where only apply merges it.
 */
export function parseFieldType(text: string): FieldType {
  const list = /^\[([^\]]*)\](.+)$/.exec(text);
  if (list) {
    const merge = parseListMerge(list[1] ?? '');
    return { kind: 'list', items: parseFieldType(list[2] ?? ''), ...(merge ? { merge } : {}) };
  }
  if (text.startsWith('{}')) return { kind: 'map', values: parseFieldType(text.slice(2)) };
  return isPrimitive(text) ? { kind: 'primitive', of: text } : { kind: 'object', type: text };
}
