import { CPU_ID_MAX, CpuSet } from '../cpuset/cpu-set.ts';
import { CPU_DIRECTORY, type SysfsReader } from './sysfs-reader.ts';

/** The machine's CPUs by state. */
export interface CpuLists {
  readonly online: CpuSet;
  /** Present minus online. */
  readonly offline: CpuSet;
  readonly isolated: CpuSet;
  readonly nohzFull: CpuSet;
}

/** The N of every entry `<prefix>N` of a directory, in ascending order; no kernel has one above `CPU_ID_MAX`. */
export function listNumbered(names: readonly string[], prefix: string): number[] {
  return names
    .filter((name) => name.startsWith(prefix) && /^\d{1,5}$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .filter((number) => number <= CPU_ID_MAX)
    .sort((a, b) => a - b);
}

/**
 * The CPUs that have a directory and whose `online` file does not say 0. A CPU without that file cannot be switched off
 * (CPU 0 of most x86 machines).
 */
function readOnlineOneByOne(reader: SysfsReader, cpus: readonly number[]): CpuSet {
  return CpuSet.from(cpus.filter((cpu) => reader.readId(`${CPU_DIRECTORY}/cpu${cpu}/online`) !== 0));
}

/** The online CPUs: `cpu/online`, else the CPUs' own files (kernels before 2.6.26 have nothing else). */
export function readOnline(reader: SysfsReader): CpuSet {
  const online = reader.readList(`${CPU_DIRECTORY}/online`);
  if (online && !online.isEmpty) return online;
  return readOnlineOneByOne(reader, listNumbered(reader.listDirectory(CPU_DIRECTORY), 'cpu'));
}

/** A list that says "(null)" when its boot option was not given (drivers/base/cpu.c, nohz_full, Linux 6.1). */
function readOptionalList(reader: SysfsReader, path: string): CpuSet {
  if (reader.readText(path) === '(null)') return CpuSet.empty;
  return reader.readList(path) ?? CpuSet.empty;
}

/** Reads which CPUs there are and which of them are online, isolated and free of the timer tick. */
export function readCpuLists(reader: SysfsReader): CpuLists {
  const online = readOnline(reader);
  const present =
    reader.readList(`${CPU_DIRECTORY}/present`) ??
    CpuSet.from(listNumbered(reader.listDirectory(CPU_DIRECTORY), 'cpu'));
  return {
    online,
    offline: present.difference(online),
    isolated: readOptionalList(reader, `${CPU_DIRECTORY}/isolated`),
    nohzFull: readOptionalList(reader, `${CPU_DIRECTORY}/nohz_full`),
  };
}
