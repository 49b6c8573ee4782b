import { CpuSet } from '../cpuset/cpu-set.ts';
import type { CpuGroup, L3Group } from '../topology/facts.ts';
import { listNumbered } from './cpu-lists.ts';
import { settleClaim } from './read-groups.ts';
import { CPU_DIRECTORY, type SysfsReader } from './sysfs-reader.ts';
import { readFirstSet } from './topology-directory.ts';
import { CACHE_SET_FILES } from './topology-files.ts';

const KIB_PER_UNIT = { K: 1, M: 1024, G: 1024 * 1024 };

/** The size in KiB of "32768K"; undefined where the file is absent, 0 or something else. */
function readSizeKiB(reader: SysfsReader, path: string): number | undefined {
  const match = /^(\d{1,9})([KMG])$/.exec(reader.readText(path) ?? '');
  if (!match) return undefined;
  const size = Number(match[1]) * KIB_PER_UNIT[match[2] as keyof typeof KIB_PER_UNIT];
  return size > 0 ? size : undefined;
}

/**
 * Finds the level 3 cache among a CPU's `cache/indexN`. Index numbers mean nothing by themselves, but most CPUs of a
 * machine have the same, and Linux numbers caches by level (drivers/base/cacheinfo.c): the index that was right before is
 * tried first, and the highest index alone tells that there is none.
 */
class L3Finder {
  readonly #reader: SysfsReader;
  #lastFound: number | undefined;
  #isOrderedByLevel: boolean | undefined;

  constructor(reader: SysfsReader) {
    this.#reader = reader;
  }

  /** The directory of the CPU's level 3 cache, relative to /sys. */
  find(cpu: number): string | undefined {
    const directory = `${CPU_DIRECTORY}/cpu${cpu}/cache`;
    const levelOf = (index: number) => this.#reader.readId(`${directory}/index${index}/level`);
    if (this.#lastFound === undefined || levelOf(this.#lastFound) !== 3) {
      const indexes = listNumbered(this.#reader.listDirectory(directory), 'index').reverse();
      const found = this.#search(indexes, levelOf);
      if (found === undefined) return undefined;
      this.#lastFound = found;
    }
    return `${directory}/index${this.#lastFound}`;
  }

  #search(indexes: readonly number[], levelOf: (index: number) => number | undefined): number | undefined {
    if (this.#isOrderedByLevel) {
      for (const index of indexes) {
        const level = levelOf(index) ?? 0;
        if (level <= 3) return level === 3 ? index : undefined;
      }
      return undefined;
    }
    const levels = indexes.map((index) => levelOf(index) ?? 0);
    if (indexes.length > 0)
      this.#isOrderedByLevel = levels.every((level, i) => i === 0 || level <= (levels[i - 1] ?? 0));
    return indexes[levels.indexOf(3)];
  }
}

/**
 * Reads the level 3 caches, each once. A cache is the set of CPUs that share it: its `id` repeats, or differs within one
 * cache, on machines whose firmware numbers threads in unusual ways.
 */
export function readL3Caches(
  reader: SysfsReader,
  { online, cores }: { readonly online: CpuSet; readonly cores: readonly CpuGroup[] },
): L3Group[] {
  const finder = new L3Finder(reader);
  const caches: L3Group[] = [];
  let left = online;
  for (let cpu = left.first; cpu !== undefined; cpu = left.first) {
    const own = CpuSet.of(cpu);
    const directory = finder.find(cpu);
    if (directory === undefined) {
      left = left.difference(own);
      continue;
    }
    let statement = readFirstSet(reader, { directory, files: CACHE_SET_FILES, member: cpu });
    if (!statement) {
      // Some firmware lists no CPU (Itanium, Linux 2.6): a cache serves at least the core that shows it.
      reader.report(directory, `names no CPU that shares the cache of CPU ${cpu}; taken as private to its core`);
      statement = { path: directory, cpus: cores.find((core) => own.isSubsetOf(core.cpus))?.cpus ?? own };
    }
    const cpus = settleClaim(reader, statement, { online, left });
    caches.push({ cpus, id: reader.readId(`${directory}/id`), sizeKiB: readSizeKiB(reader, `${directory}/size`) });
    left = left.difference(cpus);
  }
  return caches;
}
