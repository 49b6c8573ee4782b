import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { asList, asObject } from '../../src/lib/json.ts';
import { RuntimeError } from './runtime-error.ts';

/** Versions that CDI library 1.0.1 reads (measured with containerd 2.1.9). */
const CDI_VERSIONS = new Set(['0.3.0', '0.4.0', '0.5.0', '0.6.0', '0.7.0', '0.8.0', '1.0.0']);

interface Edits {
  readonly env: readonly string[];
}

/** Edits that need not set a variable to be edits; nothing is mounted here, for containers see the host's files. */
const OTHER_EDITS = ['deviceNodes', 'mounts', 'hooks'];

/** What edits set; undefined when they are no valid edits, as when there are none. */
function parseEdits(value: unknown): Edits | undefined {
  const edits = asObject(value);
  const env: unknown = edits.env ?? [];
  const isEntry = (entry: unknown): entry is string => typeof entry === 'string' && entry.indexOf('=') > 0;
  if (!Array.isArray(env) || !env.every(isEntry)) return undefined;
  const isListed = (name: string) => Array.isArray(edits[name]) && edits[name].length > 0;
  return env.length > 0 || OTHER_EDITS.some(isListed) ? { env } : undefined;
}

/** The devices of one spec file by qualified name; undefined for one that cannot be used. */
function parseSpec(text: string): Map<string, Edits | undefined> {
  const devices = new Map<string, Edits | undefined>();
  const spec = asObject(parseYaml(text));
  if (typeof spec.cdiVersion !== 'string' || !CDI_VERSIONS.has(spec.cdiVersion)) return devices;
  for (const item of asList(spec.devices)) {
    const { name, containerEdits } = asObject(item);
    devices.set(`${String(spec.kind)}=${String(name)}`, parseEdits(containerEdits));
  }
  return devices;
}

async function readSpec(path: string): Promise<Map<string, Edits | undefined>> {
  try {
    return parseSpec(await readFile(path, 'utf8'));
  } catch {
    // As the real library: a broken or vanished file spoils only its own devices.
    return new Map();
  }
}

/** Every device of a directory; one that is in two files cannot be used. */
async function readDevices(directory: string): Promise<Map<string, Edits | undefined>> {
  const names = await readdir(directory).catch(() => []);
  const specs = await Promise.all(
    names.filter((name) => /\.(json|yaml)$/.test(name)).map((name) => readSpec(join(directory, name))),
  );
  const devices = new Map<string, Edits | undefined>();
  for (const [name, edits] of specs.flatMap((spec) => [...spec]))
    devices.set(name, devices.has(name) ? undefined : edits);
  return devices;
}

/**
 * The environment that CDI devices give a container ("NAME=value" entries), read from the spec files as they are now.
 * @throws RuntimeError `UnresolvableCdiDevices`, which like the real one never says why.
 */
export async function resolveCdiDevices(directory: string, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const devices = await readDevices(directory);
  const unresolvable = ids.filter((id) => devices.get(id) === undefined);
  if (unresolvable.length > 0) {
    throw new RuntimeError(
      'UnresolvableCdiDevices',
      `CDI device injection failed: unresolvable CDI devices ${unresolvable.join(', ')}`,
    );
  }
  return ids.flatMap((id) => devices.get(id)?.env ?? []);
}
