import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CpuSet } from '../cpuset/cpu-set.ts';
import { parseCpuList } from '../cpuset/parse.ts';

/** What is known of a container's whereabouts. */
export interface CgroupClues {
  /** The runtime's id; the last directory of its cgroup has it in its name. */
  readonly id: string;
  /** Its first process, as the host numbers it. */
  readonly pid: number | undefined;
  /** What the runtime says: a path, "slice:prefix:name" under systemd, or "". */
  readonly cgroupsPath: string;
}

/** A set as it was asked for, and what the kernel makes of it. */
interface SetReading {
  readonly configured: CpuSet;
  readonly effective: CpuSet;
}

/** A container's cpuset as its cgroup has it. */
export interface ContainerCpuset extends SetReading {
  /** Numbers of the NUMA nodes that its memory may come from; undefined where the cgroup does not tell. */
  readonly memoryNodes: SetReading | undefined;
}

/** A cgroup in one of the two hierarchies that can have cpusets. */
interface CgroupPlace {
  readonly version: 1 | 2;
  readonly path: string;
}

/** What a cgroup's effective sets stand in (Linux, Documentation/admin-guide/cgroup-v1/cpusets.rst and cgroup-v2.rst). */
const EFFECTIVE_FILES = {
  cpus: { 1: 'cpuset.effective_cpus', 2: 'cpuset.cpus.effective' },
  mems: { 1: 'cpuset.effective_mems', 2: 'cpuset.mems.effective' },
} as const;

/** Where the hierarchies are mounted: v1 beside v2 in the hybrid layout. */
const MOUNTS = { 1: ['sys/fs/cgroup/cpuset'], 2: ['sys/fs/cgroup', 'sys/fs/cgroup/unified'] } as const;

/**
 * Reads /proc/PID/cgroup ("id:controllers:path" lines, cgroups(7)): the cpuset controller's v1 hierarchy when there is
 * one, else v2. A path that leaves the reader's cgroup namespace ("/../..") leads nowhere.
 */
export function parseProcCgroup(text: string): CgroupPlace | undefined {
  let place: CgroupPlace | undefined;
  for (const line of text.split('\n')) {
    const [, controllers = '', path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined || path.startsWith('/..')) continue;
    if (controllers.split(',').includes('cpuset')) return { version: 1, path };
    if (controllers === '') place = { version: 2, path };
  }
  return place;
}

/** "a-b.slice" is the directory a.slice/a-b.slice (systemd.slice(5)). */
function expandSlice(slice: string): string {
  const parts = slice.replace(/\.slice$/, '').split('-');
  return parts.map((_, index) => `${parts.slice(0, index + 1).join('-')}.slice`).join('/');
}

/**
 * The cgroup directory that a runtime names: cgroupfs names a path, systemd "slice:prefix:name", which is the scope
 * prefix-name.scope in the slice (runc, libcontainer/cgroups/systemd).
 */
export function parseCgroupsPath(text: string): string | undefined {
  if (text === '') return undefined;
  const [slice, prefix, name] = text.split(':');
  if (slice === undefined || prefix === undefined || name === undefined) return join('/', text);
  return join(
    '/',
    expandSlice(slice === '' ? 'system.slice' : slice),
    `${prefix === '' ? '' : `${prefix}-`}${name}.scope`,
  );
}

/** Without cgroups that the container made in its own. */
function cutBelow(path: string, id: string): string {
  const parts = path.split('/');
  const own = parts.findIndex((part) => part.includes(id));
  return own === -1 ? path : parts.slice(0, own + 1).join('/');
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'ENODEV' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

async function readSet(directory: string, set: 'cpus' | 'mems', version: 1 | 2): Promise<SetReading | undefined> {
  const [configured, effective] = await Promise.all([
    readText(join(directory, `cpuset.${set}`)),
    readText(join(directory, EFFECTIVE_FILES[set][version])),
  ]);
  if (configured === undefined) return undefined;
  return { configured: parseCpuList(configured), effective: parseCpuList(effective ?? configured) };
}

async function readDirectory(directory: string, version: 1 | 2): Promise<ContainerCpuset | undefined> {
  const [cpus, memoryNodes] = await Promise.all([
    readSet(directory, 'cpus', version),
    readSet(directory, 'mems', version),
  ]);
  return cpus && { ...cpus, memoryNodes };
}

/**
 * The directories that may be a container's cgroup, the likeliest first: by its process, else by what the runtime says. `hostRoot` is
 * where the host's /proc and /sys are seen.
 */
async function findDirectories(hostRoot: string, clues: CgroupClues): Promise<{ directory: string; version: 1 | 2 }[]> {
  const places: CgroupPlace[] = [];
  const proc = clues.pid === undefined ? undefined : await readText(join(hostRoot, 'proc', `${clues.pid}`, 'cgroup'));
  const byProcess = parseProcCgroup(proc ?? '');
  // A process number of another namespace names some other process.
  if (byProcess?.path.includes(clues.id)) places.push({ ...byProcess, path: cutBelow(byProcess.path, clues.id) });
  const named = parseCgroupsPath(clues.cgroupsPath);
  if (named !== undefined) places.push({ version: 1, path: named }, { version: 2, path: named });
  return places.flatMap(({ version, path }) =>
    MOUNTS[version].map((mount) => ({ directory: join(hostRoot, mount, path), version })),
  );
}

/**
 * Finds a container's cgroup and reads its cpuset.
 * @returns undefined when no cgroup of the container can be found, as for one that has ended.
 * @throws the system's error when it is there and cannot be read; CpuListError when it makes no sense.
 */
export async function readContainerCpuset(hostRoot: string, clues: CgroupClues): Promise<ContainerCpuset | undefined> {
  for (const { directory, version } of await findDirectories(hostRoot, clues)) {
    const found = await readDirectory(directory, version);
    if (found) return found;
  }
  return undefined;
}

/** Folders of cgroups that a container made in its own, looked at for a process. */
const CHILDREN_MAX = 64;

/**
 * Whether a process of a container lives, as its cgroup says (cgroup.events "populated" of v2; cgroup.procs of v1, of the cgroup and
 * those in it). False where no cgroup of it can be found, as of one that has ended.
 */
export async function hasProcess(hostRoot: string, clues: CgroupClues): Promise<boolean> {
  for (const { directory, version } of await findDirectories(hostRoot, clues)) {
    const events = version === 2 ? await readText(join(directory, 'cgroup.events')) : undefined;
    if (events !== undefined) return /^populated 1$/m.test(events);
    if ((await readText(join(directory, 'cgroup.procs'))) === undefined) continue;
    return hasProcessBelow(directory);
  }
  return false;
}

async function hasProcessBelow(directory: string): Promise<boolean> {
  const folders = [directory];
  for (
    let next = folders.pop(), looked = 0;
    next !== undefined && looked < CHILDREN_MAX;
    next = folders.pop(), looked += 1
  ) {
    const path = next;
    if (((await readText(join(path, 'cgroup.procs'))) ?? '') !== '') return true;
    const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
    folders.push(...entries.flatMap((entry) => (entry.isDirectory() ? [join(path, entry.name)] : [])));
  }
  return false;
}
