/** The files of an image's two layers: what runs Node, and the program. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readInterpreter, readNeeded, stripElf } from './elf.ts';
import type { TarEntry } from './tar.ts';

/** Where programs find Node; the bundle names it in its first line. */
const NODE_PATH = 'usr/local/bin/node';

/** Directories of libraries below a root, by the triplet of multiarch systems. */
const listLibraryDirectories = (triplet: string) => [
  `lib/${triplet}`,
  `usr/lib/${triplet}`,
  'lib64',
  'usr/lib64',
  'lib',
  'usr/lib',
];

/** What libraries an image takes from where. */
export interface LibrarySource {
  /** Root of a file system with the C and C++ libraries of the image's architecture. */
  readonly sysroot: string;
  /** Such as "x86_64-linux-gnu". */
  readonly triplet: string;
}

/** A path below the root, found or named in an error that says how to get it. */
function findLibrary(name: string, { sysroot, triplet }: LibrarySource): string {
  const found = listLibraryDirectories(triplet)
    .map((directory) => join(directory, name))
    .find((path) => existsSync(join(sysroot, path)));
  if (found) return found;
  throw new RangeError(`Cannot find library "${name}" below "${sysroot}": Node needs it in the image`);
}

/** Node's libraries and its dynamic linker by their paths in the image, with what they need themselves. */
function collectLibraries(node: Buffer, source: LibrarySource): ReadonlyMap<string, Buffer> {
  const libraries = new Map<string, Buffer>();
  const interpreter = readInterpreter(node)?.slice(1);
  const linker = interpreter?.split('/').at(-1);
  const add = (path: string, readFrom = path) => {
    if (libraries.has(path)) return;
    const content = readFileSync(join(source.sysroot, readFrom));
    libraries.set(path, content);
    for (const name of readNeeded(content)) if (name !== linker) add(findLibrary(name, source));
  };
  // The linker stands where the program names it, wherever the root has it.
  if (interpreter && linker) {
    add(interpreter, existsSync(join(source.sysroot, interpreter)) ? interpreter : findLibrary(linker, source));
  }
  for (const name of readNeeded(node)) if (name !== linker) add(findLibrary(name, source));
  return libraries;
}

const text = (content: string): TarEntry => ({ kind: 'file', content: Buffer.from(content), mode: 0o644 });

/** The first layer: Node without its symbols, its libraries, and the few files that the C library reads. */
export function collectBaseFiles(node: Buffer, source: LibrarySource): ReadonlyMap<string, TarEntry> {
  const program = (content: Buffer): TarEntry => ({ kind: 'file', content: stripElf(content), mode: 0o755 });
  return new Map<string, TarEntry>([
    [NODE_PATH, program(node)],
    ...[...collectLibraries(node, source)].map(([path, content]) => [path, program(content)] as const),
    ['etc/passwd', text('root:x:0:0:root:/:/sbin/nologin\n')],
    ['etc/group', text('root:x:0:\n')],
    ['etc/nsswitch.conf', text('hosts: files dns\n')],
    ...['dev', 'proc', 'sys', 'etc/dracpu', 'var/run'].map(
      (path) => [path, { kind: 'directory', mode: 0o755 }] as const,
    ),
    ['tmp', { kind: 'directory', mode: 0o1777 }],
  ]);
}

/** A script for Node that is started as a program, without a shell. */
export function makeScript(bundle: string): TarEntry {
  const content = Buffer.from(
    bundle.replace(/^#!.*\n/, `#!/${NODE_PATH}\n`).replace(/\n\/\/# sourceMappingURL=.*\n?$/, '\n'),
  );
  return { kind: 'file', content, mode: 0o755 };
}

/** The driver's layer: the bundle under both its names, and what its licences want beside it. */
export function collectDriverFiles(files: {
  readonly bundle: string;
  readonly licenses: ReadonlyMap<string, string>;
}): ReadonlyMap<string, TarEntry> {
  return new Map<string, TarEntry>([
    ['dracpu', makeScript(files.bundle)],
    ['dracpu-gatherinfo', { kind: 'hardLink', target: 'dracpu' }],
    ...[...files.licenses].map(([name, content]) => [`licenses/${name}`, text(content)] as const),
  ]);
}
