import { posix } from 'node:path';
import type { Sysfs } from '../sysfs.ts';

/** A tree in memory. Paths start with `sys/`. */
export interface MemoryTree {
  readonly files: ReadonlyMap<string, string>;
  readonly links: ReadonlyMap<string, string>;
}

/** Follows the links in a path, as the kernel does. */
function resolvePath(links: ReadonlyMap<string, string>, path: string): string {
  let resolved = '';
  for (const part of path.split('/')) {
    const here = resolved === '' ? part : `${resolved}/${part}`;
    const target = links.get(here);
    resolved = target === undefined ? here : resolvePath(links, posix.join(resolved, target));
  }
  return resolved;
}

/** The names in every directory. */
function listDirectories({ files, links }: MemoryTree): Map<string, Set<string>> {
  const directories = new Map<string, Set<string>>();
  for (const path of [...files.keys(), ...links.keys()]) {
    for (let at = path; at.includes('/'); at = posix.dirname(at)) {
      const parent = posix.dirname(at);
      const names = directories.get(parent) ?? new Set();
      if (names.has(posix.basename(at))) break;
      directories.set(parent, names.add(posix.basename(at)));
    }
  }
  return directories;
}

/** A sysfs over a tree in memory, which counts what is read. */
export function openMemorySysfs(tree: MemoryTree): Sysfs & { readonly counts: { files: number; directories: number } } {
  const directories = listDirectories(tree);
  const counts = { files: 0, directories: 0 };
  const at = (path: string) => resolvePath(tree.links, `sys/${path}`);
  return {
    counts,
    readText: (path) => {
      counts.files += 1;
      return tree.files.get(at(path));
    },
    listDirectory: (path) => {
      counts.directories += 1;
      return [...(directories.get(at(path)) ?? [])];
    },
    readLink: (path) => tree.links.get(`sys/${path}`),
  };
}

/** A tree of files given as `path: contents` below `sys/devices/system/`. */
export function systemTree(files: Readonly<Record<string, string | number>>): MemoryTree {
  return {
    files: new Map(Object.entries(files).map(([path, text]) => [`sys/devices/system/${path}`, `${text}\n`])),
    links: new Map(),
  };
}
