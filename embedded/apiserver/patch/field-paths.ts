import { isJsonObject, type JsonObject } from '../../../src/resource-api/kube-object.ts';
import type { FieldType, ListMerge } from '../../../src/resource-api/schema/field-type.ts';
import { childType } from '../schema.ts';

/**
 * The path of a field that is owned on its own, as `managedFields` (FieldsV1) has it: the steps "f:name" for a field, `k:{...}` for
 * an entry of a keyed list, `v:...` for a value of a set and "." for the existence of an entry, joined by NUL.
 */
export type FieldPath = string;

const SEPARATOR = '\0';
const ENTRY = '.';

/** A child of a value: its step, and what it holds. */
interface Child {
  readonly step: string;
  readonly value: unknown;
  readonly type: FieldType | undefined;
}

function entryStep(entry: unknown, merge: ListMerge): string {
  if (merge.keys.length === 0) return `v:${JSON.stringify(entry)}`;
  const keys = merge.keys.filter((key) => isJsonObject(entry) && entry[key] !== undefined).sort();
  return `k:${JSON.stringify(Object.fromEntries(keys.map((key) => [key, (entry as JsonObject)[key]])))}`;
}

/** The children that are owned one by one; undefined for a value that is owned as a whole. */
function childrenOf(value: unknown, type: FieldType | undefined): Child[] | undefined {
  if (type?.kind === 'list') {
    const { merge, items } = type;
    if (!merge || !Array.isArray(value)) return undefined;
    return value.map((item: unknown) => ({ step: entryStep(item, merge), value: item, type: items }));
  }
  if (!isJsonObject(value) || type?.kind === 'primitive') return undefined;
  return Object.entries(value).map(([key, item]) => ({ step: `f:${key}`, value: item, type: childType(type, key) }));
}

/** Every field that a value sets, with what it holds. */
export function fieldsOf(value: unknown, type: FieldType | undefined, path = ''): Map<FieldPath, unknown> {
  const fields = new Map<FieldPath, unknown>();
  const children = childrenOf(value, type) ?? [];
  if (children.length === 0 && path !== '') return fields.set(path, value);
  for (const child of children) {
    const at = path === '' ? child.step : `${path}${SEPARATOR}${child.step}`;
    if (child.step.startsWith('k:')) fields.set(`${at}${SEPARATOR}${ENTRY}`, true);
    for (const [below, held] of fieldsOf(child.value, child.type, at)) fields.set(below, held);
  }
  return fields;
}

/** The value without some of its fields; objects that lose all of their fields go too. */
export function withoutFields(
  value: unknown,
  type: FieldType | undefined,
  gone: ReadonlySet<FieldPath>,
  path = '',
): unknown {
  const children = childrenOf(value, type);
  if (!children) return value;
  const kept = children.flatMap((child) => {
    const at = path === '' ? child.step : `${path}${SEPARATOR}${child.step}`;
    if (gone.has(at) || gone.has(`${at}${SEPARATOR}${ENTRY}`)) return [];
    const rest = withoutFields(child.value, child.type, gone, at);
    const isEmptied = isEmpty(rest) && !isEmpty(child.value);
    return isEmptied ? [] : [{ ...child, value: rest }];
  });
  if (Array.isArray(value)) return kept.map((child) => child.value);
  return Object.fromEntries(kept.map((child) => [child.step.slice(2), child.value]));
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** Paths as the tree of `managedFields`, whose leaves are empty objects. */
export function toFieldsV1(paths: Iterable<FieldPath>): JsonObject {
  const tree: JsonObject = {};
  for (const path of paths) {
    let node = tree;
    for (const step of path.split(SEPARATOR)) {
      node[step] ??= {};
      node = node[step] as JsonObject;
    }
  }
  return tree;
}

/** The paths of a tree of `managedFields`. */
export function fromFieldsV1(tree: JsonObject, path = ''): FieldPath[] {
  return Object.entries(tree).flatMap(([step, below]) => {
    const at = path === '' ? step : `${path}${SEPARATOR}${step}`;
    return isJsonObject(below) && !isEmpty(below) ? fromFieldsV1(below, at) : [at];
  });
}

/** A path as a person reads it: ".spec.replicas". */
export function formatPath(path: FieldPath): string {
  const steps = path.split(SEPARATOR);
  return steps.map((step) => (step.startsWith('f:') ? `.${step.slice(2)}` : `[${step.slice(2)}]`)).join('');
}
