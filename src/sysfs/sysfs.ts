import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Read access to a sysfs tree. Paths are relative to `/sys`, as in `devices/system/cpu/online`. */
export interface Sysfs {
  /**
   * The contents of a file, or undefined where there is none.
   * @throws the file system's error for a file that is there and cannot be read.
   */
  readText(path: string): string | undefined;
  /**
   * The names in a directory in no order, empty where there is none.
   * @throws the file system's error for a directory that is there and cannot be read.
   */
  listDirectory(path: string): readonly string[];
  /** Where a symbolic link points to, or undefined where there is none. */
  readLink(path: string): string | undefined;
}

/** The system error code of anything thrown by `node:fs`. */
function errorCode(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** What reading a file says that is not there: CPUs that go offline take their directories with them. */
function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO'].includes(String(errorCode(error)));
}

/**
 * The sysfs under `hostRoot`, `/` on the machine itself and the mount point of the host's root in a container. Reads are
 * synchronous: sysfs answers from memory, and a turn of the event loop costs more than the read.
 */
export function openSysfs(hostRoot: string): Sysfs {
  const root = join(hostRoot, 'sys');
  const unlessAbsent = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  };
  return {
    readText: (path) => unlessAbsent(() => readFileSync(`${root}/${path}`, 'utf8')),
    listDirectory: (path) => unlessAbsent(() => readdirSync(`${root}/${path}`)) ?? [],
    readLink: (path) => unlessAbsent(() => readlinkSync(`${root}/${path}`)),
  };
}
