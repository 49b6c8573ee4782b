import type { CpuSet } from '../cpuset/cpu-set.ts';
import { CPU_DIRECTORY, type SysfsReader } from './sysfs-reader.ts';
import { type CpuSetFile, TOPOLOGY_FAMILIES, type TopologyKind } from './topology-files.ts';

/** What one file says of a group of CPUs. */
export interface SetStatement {
  readonly path: string;
  readonly cpus: CpuSet;
}

/** Where a set of CPUs is to be found. */
export interface SetQuestion {
  /** Relative to /sys. */
  readonly directory: string;
  /** In order of trust. */
  readonly files: readonly CpuSetFile[];
  /** The CPU whose file it is: a set without it is wrong. */
  readonly member?: number;
}

/** Reads the first file that names CPUs, `member` among them; undefined where none does. */
export function readFirstSet(reader: SysfsReader, { directory, files, member }: SetQuestion): SetStatement | undefined {
  for (const { name, form } of files) {
    const path = `${directory}/${name}`;
    const cpus = form === 'list' ? reader.readList(path) : reader.readMask(path);
    if (!cpus || cpus.isEmpty) continue;
    if (member === undefined || cpus.has(member)) return { path, cpus };
    reader.report(path, `is "${cpus}" and lacks its own CPU ${member}`);
  }
  return undefined;
}

/** The `topology/` directories of the CPUs. */
export class TopologyDirectories {
  readonly #reader: SysfsReader;
  readonly #likely: ReadonlySet<string>;

  /** @param likely the files to ask for first; others only where these tell nothing. */
  constructor(reader: SysfsReader, likely: ReadonlySet<string>) {
    this.#reader = reader;
    this.#likely = likely;
  }

  pathOf(cpu: number): string {
    return `${CPU_DIRECTORY}/cpu${cpu}/topology`;
  }

  /** The kernel's number of the CPU's group; undefined where it has none. */
  readId(cpu: number, kind: TopologyKind): number | undefined {
    return this.#reader.readId(`${this.pathOf(cpu)}/${TOPOLOGY_FAMILIES[kind].idFile}`);
  }

  /** The CPUs of the CPU's group as its first usable file gives them. */
  readSet(cpu: number, kind: TopologyKind): SetStatement | undefined {
    const { setFiles } = TOPOLOGY_FAMILIES[kind];
    const isLikely = ({ name }: CpuSetFile) => this.#likely.has(name);
    const read = (files: readonly CpuSetFile[]) =>
      readFirstSet(this.#reader, { directory: this.pathOf(cpu), files, member: cpu });
    return read(setFiles.filter(isLikely)) ?? read(setFiles.filter((file) => !isLikely(file)));
  }
}

/**
 * Opens the `topology/` directories of the online CPUs, or undefined where no CPU has one. CPUs under one kernel have the same
 * files, so what the first CPU has is asked for first.
 */
export function openTopologyDirectories(reader: SysfsReader, online: CpuSet): TopologyDirectories | undefined {
  for (const cpu of online) {
    const names = reader.listDirectory(`${CPU_DIRECTORY}/cpu${cpu}/topology`);
    if (names.length > 0) return new TopologyDirectories(reader, new Set(names));
  }
  return undefined;
}
