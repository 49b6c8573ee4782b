import type { CpuSet } from '../cpuset/cpu-set.ts';
import { CpuListError, parseCpuList, parseCpuMask } from '../cpuset/parse.ts';
import { errorText } from '../lib/log.ts';
import type { TopologyProblem } from '../topology/topology.ts';
import type { Sysfs } from './sysfs.ts';
import { quote } from '../lib/quote.ts';

/** Where the CPUs' directories are, relative to /sys. */
export const CPU_DIRECTORY = 'devices/system/cpu';

/** Where the NUMA nodes' directories are, relative to /sys. */
export const NODE_DIRECTORY = 'devices/system/node';

/** Reads values out of sysfs and keeps what was wrong with them: nothing it is asked for throws. */
export class SysfsReader {
  readonly #sysfs: Sysfs;
  readonly #problems = new Map<string, TopologyProblem>();

  constructor(sysfs: Sysfs) {
    this.#sysfs = sysfs;
  }

  /** What could not be read so far, each once, in order of reading. */
  get problems(): readonly TopologyProblem[] {
    return [...this.#problems.values()];
  }

  /** Keeps a problem with `path`, which is relative to /sys. */
  report(path: string, message: string): void {
    this.#problems.set(`${path} ${message}`, { path: `/sys/${path}`, message });
  }

  /** The contents without white space (and the NUL of some kernels) at the ends, or undefined where there is no readable file. */
  readText(path: string): string | undefined {
    try {
      return this.#sysfs.readText(path)?.replace(/^\s+|[\s\0]+$/g, '');
    } catch (error) {
      this.report(path, `cannot be read: ${errorText(error)}`);
      return undefined;
    }
  }

  /** The names in a directory, empty where there is no readable one. */
  listDirectory(path: string): readonly string[] {
    try {
      return this.#sysfs.listDirectory(path);
    } catch (error) {
      this.report(path, `cannot be read: ${errorText(error)}`);
      return [];
    }
  }

  /** Where a symbolic link points to; undefined where there is no readable one. */
  readLink(path: string): string | undefined {
    try {
      return this.#sysfs.readLink(path);
    } catch (error) {
      this.report(path, `cannot be read: ${errorText(error)}`);
      return undefined;
    }
  }

  /** A whole number; undefined where it is negative, which is the kernel's word for "not known", or no number. */
  readId(path: string): number | undefined {
    const text = this.readText(path);
    if (text === undefined) return undefined;
    if (/^-?\d{1,15}$/.test(text)) return text.startsWith('-') ? undefined : Number(text);
    this.report(path, `is ${quote(text)}; want a whole number`);
    return undefined;
  }

  /** The CPUs of a list ("0-3,8"); undefined where there is none or it is no list. */
  readList(path: string): CpuSet | undefined {
    return this.#readSet(path, parseCpuList);
  }

  /** The CPUs of a hexadecimal mask ("ff,ffffffff"); undefined where there is none or it is no mask. */
  readMask(path: string): CpuSet | undefined {
    return this.#readSet(path, parseCpuMask);
  }

  #readSet(path: string, parse: (text: string) => CpuSet): CpuSet | undefined {
    const text = this.readText(path);
    if (text === undefined) return undefined;
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof CpuListError)) throw error;
      this.report(path, error.message);
      return undefined;
    }
  }
}
