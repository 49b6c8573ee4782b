import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseClaimSpec, parseSpecFileName } from '../../records/cdi-spec.ts';
import { type DriverProcess, resolveInDriver } from './driver-process.ts';
import { redact } from './redact.ts';
import type { ArchiveFile } from './tar.ts';

/** A claim's CPUs as its CDI file says them. */
interface Allocation {
  readonly uid: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly cpus: string;
}

/** What the directory of CDI files holds. */
export interface CdiFiles {
  /** Names of all files, other vendors' too. */
  readonly names: readonly string[];
  readonly allocations: readonly Allocation[];
  readonly unreadable: readonly { readonly file: string; readonly reason: string }[];
  readonly files: readonly ArchiveFile[];
}

/** A file of this size or more is not one of those looked for. */
const FILE_LENGTH_MAX_BYTES = 4_194_304;

/**
 * Reads the node's files as the driver sees them: through the root of its process, or plainly where there is no such process
 * or it lets nobody look.
 */
export class NodeFiles {
  readonly #driver: DriverProcess | undefined;

  constructor(driver: DriverProcess | undefined) {
    this.#driver = driver;
  }

  async readText(path: string): Promise<string> {
    return this.#try(path, async (real) => {
      const { size } = await stat(real);
      return size < FILE_LENGTH_MAX_BYTES ? readFile(real, 'utf8') : `left out: ${size} bytes\n`;
    });
  }

  /** The text of a file that need not be there. */
  async readTextIfAny(path: string): Promise<string | undefined> {
    try {
      return await this.readText(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Names in a directory with what they are: "dra.sock (socket)". */
  async list(path: string): Promise<string[]> {
    return this.#try(path, async (real) => {
      const entries = await readdir(real, { withFileTypes: true });
      return entries
        .map((entry) => `${entry.name}${entry.isSocket() ? ' (socket)' : entry.isDirectory() ? ' (directory)' : ''}`)
        .toSorted();
    });
  }

  /** What stands at a path: "socket", "file" or "directory". */
  async kindOf(path: string): Promise<string> {
    return this.#try(path, async (real) => {
      const found = await stat(real);
      return found.isSocket() ? 'socket' : found.isDirectory() ? 'directory' : 'file';
    });
  }

  /** The driver's files in the CDI directory, without what other programs may have put into them. */
  async readCdi(directory: string): Promise<CdiFiles> {
    const names = await this.list(directory);
    const allocations: Allocation[] = [];
    const unreadable: { file: string; reason: string }[] = [];
    const files: ArchiveFile[] = [];
    for (const file of names) {
      const uid = parseSpecFileName(file);
      if (uid === undefined) continue;
      const text = await this.readText(join(directory, file));
      try {
        const { namespace, name, cpus } = parseClaimSpec(text, uid);
        allocations.push({ uid, ...(namespace && { namespace }), ...(name && { name }), cpus });
        files.push({ name: `cdi/${uid}.json`, text: `${JSON.stringify(redact(JSON.parse(text)), undefined, 2)}\n` });
      } catch (error) {
        unreadable.push({ file, reason: error instanceof Error ? error.message : String(error) });
      }
    }
    return { names, allocations, unreadable, files };
  }

  async #try<T>(path: string, read: (real: string) => Promise<T>): Promise<T> {
    if (this.#driver === undefined) return read(path);
    try {
      return await read(resolveInDriver(this.#driver, path));
    } catch {
      return read(path);
    }
  }
}
