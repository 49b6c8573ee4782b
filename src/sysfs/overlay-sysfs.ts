import { CpuSet } from '../cpuset/cpu-set.ts';
import { parseCpuList, parseCpuMask } from '../cpuset/parse.ts';
import type { SysfsOverlay } from './overlay.ts';
import type { Sysfs } from './sysfs.ts';
import { NODE_DIRECTORY } from './sysfs-reader.ts';
import {
  BUS_SET_FILES,
  CACHE_SET_FILES,
  type CpuSetFile,
  DEVICE_SET_FILES,
  NODE_SET_FILES,
  TOPOLOGY_FAMILIES,
} from './topology-files.ts';

/** The files that tell the same thing in other words: those that name CPUs, and the number of the group. */
interface SynonymFamily {
  readonly setFiles: readonly CpuSetFile[];
  readonly names: readonly string[];
}

const FAMILIES: readonly SynonymFamily[] = [
  ...Object.values(TOPOLOGY_FAMILIES),
  ...[CACHE_SET_FILES, NODE_SET_FILES, BUS_SET_FILES, DEVICE_SET_FILES].map((setFiles) => ({
    setFiles,
    idFile: undefined,
  })),
].map(({ idFile, setFiles }) => {
  const setNames = setFiles.map(({ name }) => name);
  return { setFiles, names: idFile === undefined ? setNames : [idFile, ...setNames] };
});

function familyOf(name: string): SynonymFamily | undefined {
  return FAMILIES.find(({ names }) => names.includes(name));
}

/** A file of a CPU that tells of a group it is in. */
const CPU_FILE = /^devices\/system\/cpu\/cpu(\d+)\/(topology|cache\/index\d+)\/([^/]+)$/;
const NODE_SET_FILE = /^devices\/system\/node\/node(\d+)\/(cpulist|cpumap)$/;

/** What a CPU file tells, the same for all CPUs; undefined where it tells of no group. */
function subjectOf(path: string): string | undefined {
  const [, , directory, name = ''] = CPU_FILE.exec(path) ?? [];
  const family = directory === undefined ? undefined : familyOf(name);
  return family && `${directory} ${family.names[0]}`;
}

/** The CPUs for which the overlay itself tells each subject. */
function collectTold(paths: Iterable<string>): Map<string, CpuSet> {
  const told = new Map<string, CpuSet>();
  for (const path of paths) {
    const subject = subjectOf(path);
    if (subject === undefined) continue;
    const cpu = CpuSet.of(Number(CPU_FILE.exec(path)?.[1]));
    told.set(subject, (told.get(subject) ?? CpuSet.empty).union(cpu));
  }
  return told;
}

function splitPath(path: string): [directory: string, name: string] {
  const slash = path.lastIndexOf('/');
  return [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
}

/** The sysfs of `base` with the overlay's files over it. */
class OverlaidSysfs implements Sysfs {
  readonly #base: Sysfs;
  readonly #overlay: SysfsOverlay;
  readonly #told: ReadonlyMap<string, CpuSet>;
  readonly #placed: CpuSet;

  constructor(base: Sysfs, overlay: SysfsOverlay) {
    this.#base = base;
    this.#overlay = overlay;
    this.#told = collectTold(overlay.files.keys());
    this.#placed = CpuSet.from(overlay.nodeOfCpu.keys());
  }

  readText(path: string): string | undefined {
    const contents = this.#overlay.files.get(path);
    if (contents !== undefined) return contents;
    if (this.#overlay.directories.has(path) || this.#isHidden(path)) return undefined;
    const node = NODE_SET_FILE.exec(path)?.[1];
    if (node !== undefined) {
      const added = [...this.#overlay.nodeOfCpu].filter(([, own]) => own === Number(node)).map(([cpu]) => cpu);
      return this.#readSet(path, { taken: this.#placed, added: CpuSet.from(added) });
    }
    const taken = this.#told.get(subjectOf(path) ?? '');
    return taken ? this.#readSet(path, { taken, added: CpuSet.empty }) : this.#base.readText(path);
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
    return own !== undefined && familyOf(name)?.names.some((other) => own.has(other)) === true;
  }

  /** What the base says of a group's CPUs, but for those of which the overlay itself tells where they are. */
  #readSet(path: string, { taken, added }: { readonly taken: CpuSet; readonly added: CpuSet }): string | undefined {
    const text = this.#base.readText(path);
    const [, name] = splitPath(path);
    const form = familyOf(name)?.setFiles.find((file) => file.name === name)?.form;
    if (form === undefined || taken.isEmpty || (text === undefined && added.isEmpty)) return text;
    const parse = form === 'list' ? parseCpuList : parseCpuMask;
    const base = text === undefined ? CpuSet.empty : parse(text.trim());
    const cpus = base.difference(taken).union(added);
    return form === 'list' ? cpus.toString() : cpus.toMask();
  }
}

/**
 * Lays an overlay over a sysfs. A file of the overlay hides the base's files that tell the same in other words:
 * `physical_package_id` hides `package_cpus_list`, `shared_cpu_list` hides `shared_cpu_map`; and a CPU of which it tells the
 * group is taken out of the groups that the base's files of other CPUs list.
 */
export function overlaySysfs(base: Sysfs, overlay: SysfsOverlay): Sysfs {
  return overlay.files.size === 0 ? base : new OverlaidSysfs(base, overlay);
}
