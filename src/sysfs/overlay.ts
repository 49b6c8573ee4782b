import { parseDocument } from 'yaml';
import { listNumbered } from './cpu-lists.ts';
import { CPU_DIRECTORY } from './sysfs-reader.ts';
import { CodedError } from '../lib/coded-error.ts';
import { quote } from '../lib/quote.ts';

/** What is wrong with an overlay. */
export type SysfsOverlayErrorCode =
  | 'InvalidYaml'
  | 'RepeatedPath'
  | 'NotAMap'
  | 'NotAString'
  | 'OutsideSys'
  | 'UncleanPath'
  | 'FileAndDirectory'
  | 'SeveralNodes';

/** A text that is no sysfs overlay. The message names the path that is wrong. */
export class SysfsOverlayError extends CodedError<SysfsOverlayErrorCode> {
  override readonly name = 'SysfsOverlayError';
}

/** Files that lie over those of the machine's sysfs. Paths are relative to /sys. */
export interface SysfsOverlay {
  /** Contents by path. */
  readonly files: ReadonlyMap<string, string>;
  /** Names in each directory that leads to a file. */
  readonly directories: ReadonlyMap<string, ReadonlySet<string>>;
  /** The NUMA node of each CPU whose directory has a `nodeN` entry. */
  readonly nodeOfCpu: ReadonlyMap<number, number>;
}

function fail(code: SysfsOverlayErrorCode, why: string): never {
  throw new SysfsOverlayError(code, `Cannot use the sysfs overlay: ${why}`);
}

/** A value for people, short where it is a map or a list. */
function describeValue(value: unknown): string {
  if (value instanceof Map) return 'a map';
  return Array.isArray(value) ? 'a list' : quote(value);
}

function parseMap(yamlText: string): [path: unknown, contents: unknown][] {
  const document = parseDocument(yamlText, { uniqueKeys: true });
  const error = document.errors[0];
  if (error) {
    const where = error.linePos?.[0];
    const what = error.message.split('\n')[0]?.replace(/ at line \d+.*$/, '');
    if (error.code === 'DUPLICATE_KEY')
      fail('RepeatedPath', `line ${where?.line} has a path that an earlier line has too`);
    fail('InvalidYaml', `it is no YAML (line ${where?.line}: ${what})`);
  }
  const value: unknown = document.toJS({ mapAsMap: true });
  if (value === null || value === undefined) return [];
  if (value instanceof Map) return [...value];
  return fail('NotAMap', `it is ${describeValue(value)}; want a map of paths to file contents`);
}

/** The path relative to /sys. */
function checkPath(path: unknown): string {
  const shown = quote(path);
  if (typeof path !== 'string' || !path.startsWith('/sys/'))
    return fail('OutsideSys', `path ${shown} is not below /sys/`);
  const parts = path.slice('/sys/'.length).split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    fail('UncleanPath', `path ${shown} has an empty part, "." or ".."; want none`);
  }
  return parts.join('/');
}

function checkContents(path: unknown, contents: unknown): string {
  if (typeof contents === 'string') return contents;
  return fail('NotAString', `${quote(path)} is ${describeValue(contents)}; want a text, in quotes if need be`);
}

/** The directories that lead to the files, each with the names in it. */
function listDirectories(files: ReadonlyMap<string, string>): Map<string, Set<string>> {
  const directories = new Map<string, Set<string>>();
  for (const path of files.keys()) {
    const parts = path.split('/');
    for (const [depth, name] of parts.entries()) {
      const directory = parts.slice(0, depth).join('/');
      if (files.has(directory)) fail('FileAndDirectory', `"/sys/${directory}" is both a file and a directory`);
      directories.set(directory, (directories.get(directory) ?? new Set()).add(name));
    }
  }
  return directories;
}

/** The `nodeN` entry of each CPU's directory: a CPU is in one node. */
function readNodeEntries(directories: ReadonlyMap<string, ReadonlySet<string>>): Map<number, number> {
  const nodeOfCpu = new Map<number, number>();
  for (const cpu of listNumbered([...(directories.get(CPU_DIRECTORY) ?? [])], 'cpu')) {
    const directory = `${CPU_DIRECTORY}/cpu${cpu}`;
    const [node, ...others] = listNumbered([...(directories.get(directory) ?? [])], 'node');
    if (others.length > 0)
      fail('SeveralNodes', `"/sys/${directory}" has the entries of nodes ${[node, ...others].join(', ')}`);
    if (node !== undefined) nodeOfCpu.set(cpu, node);
  }
  return nodeOfCpu;
}

/**
 * Reads an overlay: a YAML map of absolute paths below /sys to the contents of the file there (option `sysfsOverlay` of the
 * reference driver).
 * @throws SysfsOverlayError naming the first mistake.
 * @example loadSysfsOverlay('/sys/devices/system/cpu/online: "0-3\\n"').files.size // 1
 */
export function loadSysfsOverlay(yamlText: string): SysfsOverlay {
  const files = new Map<string, string>();
  for (const [path, contents] of parseMap(yamlText)) files.set(checkPath(path), checkContents(path, contents));
  const directories = listDirectories(files);
  return { files, directories, nodeOfCpu: readNodeEntries(directories) };
}
