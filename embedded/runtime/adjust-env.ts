import type { KeyValue } from '../../src/gen/nri.ts';

/** What stands before the name of a variable that a plugin wants removed (NRI pkg/api, MarkForRemoval). */
const REMOVAL_MARK = '-';

/** The variables that a plugin wants set. Wishes to remove one that the container has are lost on the way to the runtime (NRI 0.12). */
export function readEnvChanges(env: readonly KeyValue[]): KeyValue[] {
  return env.filter(({ key }) => !key.startsWith(REMOVAL_MARK));
}

/**
 * A container's environment with plugins' variables, as containerd makes it (NRI 0.12, pkg/runtime-tools/generate AdjustEnv): a
 * variable is replaced in its place or put to the end. Of a name that occurs twice the first entry is replaced and the second wins.
 */
export function adjustEnv(env: readonly string[], changes: readonly KeyValue[]): string[] {
  if (changes.length === 0) return [...env];
  const open = new Map(changes.map(({ key, value }) => [key, value]));
  const result = new Map<string, string>();
  for (const entry of env) {
    const [name = '', value] = entry.split(/=(.*)/s, 2);
    if (value === undefined) continue;
    result.set(name, open.get(name) ?? value);
    open.delete(name);
  }
  for (const [name, value] of open) result.set(name, value);
  return [...result].map(([name, value]) => `${name}=${value}`);
}
