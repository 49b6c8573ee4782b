import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject } from '../../../src/resource-api/kube-object.ts';
import type { FieldType, ListMerge } from '../../../src/resource-api/schema/field-type.ts';
import { childType } from '../schema.ts';

/**
 * Fields of an object as a tree in the form of `managedFields` (FieldsV1): "f:name" for a field, `k:{...}` for an
 * entry of a keyed list, `v:...` for a value of a set, "." for the entry itself. A leaf is an empty object.
 */
export type FieldSet = JsonObject;

/** A child of a value: its step in the tree, and what it holds. */
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

/** Every field that a value sets. */
export function fieldSetOf(value: unknown, type: FieldType | undefined): FieldSet {
  const set: FieldSet = {};
  for (const child of childrenOf(value, type) ?? []) {
    const below = fieldSetOf(child.value, child.type);
    set[child.step] = child.step.startsWith('k:') ? { '.': {}, ...below } : below;
  }
  return set;
}

function isLeaf(set: unknown): boolean {
  return !isJsonObject(set) || Object.keys(set).length === 0;
}

/** The fields of `a` for which `keep` holds, told their path; branches that become empty go. */
function filterSet(a: FieldSet, keep: (path: readonly string[]) => boolean, path: readonly string[] = []): FieldSet {
  const kept: FieldSet = {};
  for (const [step, below] of Object.entries(a)) {
    const here = [...path, step];
    if (isLeaf(below)) {
      if (keep(here)) kept[step] = {};
      continue;
    }
    const filtered = filterSet(below as FieldSet, keep, here);
    if (!isLeaf(filtered)) kept[step] = filtered;
  }
  return kept;
}

function has(set: FieldSet, path: readonly string[]): boolean {
  let node: unknown = set;
  for (const step of path) {
    if (!isJsonObject(node) || !Object.hasOwn(node, step)) return false;
    node = node[step];
  }
  return true;
}

/** The fields of `a` that are not in `b`. */
export function differenceOf(a: FieldSet, b: FieldSet): FieldSet {
  return filterSet(a, (path) => !has(b, path));
}

/** The fields that are in both. */
export function intersectionOf(a: FieldSet, b: FieldSet): FieldSet {
  return filterSet(a, (path) => has(b, path));
}

/** Paths of all leaves as a person reads them: ".spec.replicas". */
export function pathsOf(set: FieldSet): string[] {
  const paths: string[] = [];
  filterSet(set, (path) => {
    paths.push(path.map((step) => (step.startsWith('f:') ? `.${step.slice(2)}` : `[${step.slice(2)}]`)).join(''));
    return true;
  });
  return paths;
}

/** The value at a path, undefined where there is none. */
function valueAtPath(value: unknown, type: FieldType | undefined, path: readonly string[]): unknown {
  let child: Child | undefined = { step: '', value, type };
  for (const step of path) {
    if (step === '.') continue;
    child = child && childrenOf(child.value, child.type)?.find((next) => next.step === step);
  }
  return child?.value;
}

/** The fields of a set whose values are equal in two versions of an object. */
export function unchangedIn(set: FieldSet, versions: { before: unknown; after: unknown; type: FieldType }): FieldSet {
  const { before, after, type } = versions;
  return filterSet(set, (path) => {
    // Whether a list's entry exists is one thing, what it holds another.
    if (path.at(-1) === '.') return valueAtPath(after, type, path) !== undefined;
    return isDeepStrictEqual(valueAtPath(before, type, path), valueAtPath(after, type, path));
  });
}

/** The value without the fields of a set; objects that lose all of their fields go too. */
export function removeFields(value: unknown, type: FieldType | undefined, set: FieldSet): unknown {
  const children = childrenOf(value, type);
  if (!children) return value;
  const kept = children.flatMap((child) => {
    const below = set[child.step];
    if (below === undefined) return [child];
    if (isLeaf(below) || (isJsonObject(below) && Object.hasOwn(below, '.'))) return [];
    const rest = removeFields(child.value, child.type, below as FieldSet);
    const isEmptied = typeof rest === 'object' && rest !== null && Object.keys(rest).length === 0;
    return isEmptied ? [] : [{ ...child, value: rest }];
  });
  if (Array.isArray(value)) return kept.map((child) => child.value);
  return Object.fromEntries(kept.map((child) => [child.step.slice(2), child.value]));
}
