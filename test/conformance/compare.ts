import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CpuSet } from '../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../src/cpuset/parse.ts';

/** A folder next to the checkout with machines to compare with. */
export function findSharedFolder(name: string): { readonly path: string; readonly skip: string | false } {
  const path = fileURLToPath(new URL(`../../../shared/${name}/`, import.meta.url));
  return { path, skip: existsSync(path) ? false : `no machines at ${path}` };
}

/** The names in a folder that end with `suffix`, without it; none where the folder is absent. */
export function listNames(folder: string, suffix = ''): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, name.length - suffix.length))
    .sort();
}

/** Sets as one text in one order, so that sets of sets can be compared. */
export function nameSets(sets: Iterable<CpuSet | string>): string {
  const lists = [...sets].map((set) => parseCpuList(`${set}`)).filter((set) => !set.isEmpty);
  return [...new Set(lists.sort((a, b) => (a.first ?? 0) - (b.first ?? 0)).map(String))].join(' ');
}

/** The CPUs that have the same key; those without one are in no set. */
export function groupByKey<Key>(
  entries: Iterable<readonly [cpu: string | number, key: Key | null | undefined]>,
): string {
  const known = [...entries].filter(([, key]) => key !== null && key !== undefined);
  const groups = Map.groupBy(known, ([, key]) => key);
  return nameSets([...groups.values()].map((members) => members.map(([cpu]) => cpu).join(',')));
}

/** What one side says, by field; undefined where it says nothing. */
export type Answers = Readonly<Record<string, string | undefined>>;

/** Fails for fields that differ, unless `known` has them, and for known ones that no longer differ. */
export function assertSame(own: Answers, expected: Answers, known: ReadonlySet<string> = new Set()): void {
  for (const [field, want] of Object.entries(expected)) {
    if (want === undefined) continue;
    if (known.has(field)) assert.notEqual(own[field], want, `${field} no longer differs`);
    else assert.equal(own[field], want, field);
  }
}
