import { CpuSet } from '../cpuset/cpu-set.ts';
import { parseCpuList, parseCpuMask } from '../cpuset/parse.ts';
import type { SysfsOverlay } from './overlay.ts';
import type { Sysfs } from './sysfs.ts';
import { NODE_DIRECTORY } from './sysfs-reader.ts';
import {
  BUS_SET_FILES,
  CACHE_SET_FILES,
  DEVICE_SET_FILES,
  NODE_SET_FILES,
  TOPOLOGY_FAMILIES,
} from './topology-files.ts';

/** The files that tell the same thing in other words. */
const SYNONYMS: readonly (readonly string[])[] = [
  ...Object.values(TOPOLOGY_FAMILIES).map(({ idFile, setFiles }) => [idFile, ...setFiles.map(({ name }) => name)]),
  ...[CACHE_SET_FILES, NODE_SET_FILES, BUS_SET_FILES, DEVICE_SET_FILES].map((files) => files.map(({ name }) => name)),
];

function splitPath(path: string): [directory: string, name: string] {
  const slash = path.lastIndexOf('/');
  return [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
}

/** The sysfs of `base` with the overlay's files over it. */
class OverlaidSysfs implements Sysfs {
  readonly #base: Sysfs;
  readonly #overlay: SysfsOverlay;

  constructor(base: Sysfs, overlay: SysfsOverlay) {
    this.#base = base;
    this.#overlay = overlay;
  }

  readText(path: string): string | undefined {
    const contents = this.#overlay.files.get(path);
    if (contents !== undefined) return contents;
    if (this.#overlay.directories.has(path) || this.#isHidden(path)) return undefined;
    const node = /^devices\/system\/node\/node(\d+)\/(cpulist|cpumap)$/.exec(path);
    return node ? this.#readNodeCpus(path, Number(node[1])) : this.#base.readText(path);
  }

  /** An overlaid `nodeN` entry of a CPU replaces the one of the base, and counts as an entry of that node too. */
  listDirectory(path: string): readonly string[] {
    const own = this.#overlay.directories.get(path) ?? new Set<string>();
    const cpu = /^devices\/system\/cpu\/cpu(\d+)$/.exec(path);
    const hasOwnNode = cpu !== null && this.#overlay.nodeOfCpu.has(Number(cpu[1]));
    const base = this.#overlay.files.has(path)
      ? []
      : this.#base.listDirectory(path).filter((name) => !(hasOwnNode && /^node\d+$/.test(name)));
    const nodes = path === NODE_DIRECTORY ? [...this.#overlay.nodeOfCpu.values()].map((node) => `node${node}`) : [];
    return [...new Set([...own, ...nodes, ...base])];
  }

  readLink(path: string): string | undefined {
    const isOurs = this.#overlay.files.has(path) || this.#overlay.directories.has(path);
    return isOurs ? undefined : this.#base.readLink(path);
  }

  /** Whether the overlay tells in another file of the same directory what this one tells. */
  #isHidden(path: string): boolean {
    const [directory, name] = splitPath(path);
    const own = this.#overlay.directories.get(directory);
    return own !== undefined && SYNONYMS.some((names) => names.includes(name) && names.some((other) => own.has(other)));
  }

  /** What the base says of a node's CPUs, but for those that the overlay puts in a node by their own directory. */
  #readNodeCpus(path: string, node: number): string | undefined {
    const text = this.#base.readText(path);
    const { nodeOfCpu } = this.#overlay;
    if (nodeOfCpu.size === 0) return text;
    const isList = path.endsWith('cpulist');
    const base = text === undefined ? CpuSet.empty : (isList ? parseCpuList : parseCpuMask)(text.trim());
    const added = [...nodeOfCpu].filter(([, own]) => own === node).map(([cpu]) => cpu);
    const cpus = base.difference(CpuSet.from(nodeOfCpu.keys())).union(CpuSet.from(added));
    return isList ? cpus.toString() : cpus.toMask();
  }
}

/**
 * Lays an overlay over a sysfs. A file of the overlay hides the base's files that tell the same in other words:
 * `physical_package_id` hides `package_cpus_list`, `shared_cpu_list` hides `shared_cpu_map`.
 */
export function overlaySysfs(base: Sysfs, overlay: SysfsOverlay): Sysfs {
  return overlay.files.size === 0 ? base : new OverlaidSysfs(base, overlay);
}
