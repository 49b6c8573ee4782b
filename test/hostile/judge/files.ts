import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** No file of the driver is as large as this. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;

/** The text of a regular file of sensible size; what else there is, in words. */
export type FileLook =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'odd'; readonly what: string };

/** Looks at a file without following links or opening anything but a regular file. */
export function lookAt(path: string): FileLook {
  try {
    const found = lstatSync(path);
    if (!found.isFile()) return { kind: 'odd', what: 'not a regular file' };
    if (found.size > FILE_BYTES_MAX) return { kind: 'odd', what: `${found.size} bytes` };
    return { kind: 'text', text: readFileSync(path, 'utf8') };
  } catch {
    return { kind: 'missing' };
  }
}

/** The names in a directory; none where there is no such directory. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Every path below a directory, links not followed. */
export function pathsBelow(directory: string): string[] {
  return namesIn(directory).flatMap((name) => {
    const path = join(directory, name);
    try {
      return lstatSync(path).isDirectory() ? [path, ...pathsBelow(path)] : [path];
    } catch {
      return [];
    }
  });
}

/** Reads a JSON object; undefined where the text is none. */
export function parseJson(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
