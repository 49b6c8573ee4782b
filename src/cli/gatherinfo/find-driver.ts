import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { type Environment, parseConfig, readHostRoot } from '../../config/parse-config.ts';
import { invariant } from '../../lib/invariant.ts';
import { type DriverProcess, findDriverProcess, readDriverConfig } from './driver-process.ts';

/** Does one part of the work; a failure is noted under the part's name and gives undefined. */
export type Attempt = <T>(part: string, work: () => Promise<T>) => Promise<T | undefined>;

/** Parts of a work of which some may fail; `note` is told of each that does. */
export function createAttempt(note: (part: string, error: unknown) => void): Attempt {
  return async (part, work) => {
    try {
      return await work();
    } catch (error) {
      note(part, error);
      return undefined;
    }
  };
}

/** The name of the driver whose process is looked for. */
export const DRIVER_NAME = 'dra.cpu';

/** Where processes are looked for, the first that has a driver wins. @throws ConfigError when HOST_ROOT is wrong. */
export function listProcDirectories(env: Environment): string[] {
  return [...new Set([join(readHostRoot(env), 'proc'), '/proc'])];
}

/** The driver that runs on this machine. */
export async function findDriver(procDirectories: readonly string[]): Promise<DriverProcess | undefined> {
  for (const directory of procDirectories) {
    const driver = await findDriverProcess(directory);
    if (driver) return driver;
  }
  return undefined;
}

/** The running driver's configuration, or what a driver started here without flags would have. */
export async function findConfig(
  driver: DriverProcess | undefined,
  { env, hostname }: { readonly env: Environment; readonly hostname: string },
  attempt: Attempt,
): Promise<Config> {
  const running = driver && (await attempt('driver process', () => readDriverConfig(driver, hostname)));
  if (running) return running;
  const own = await parseConfig({ argv: [], env, hostname, readFile: () => Promise.resolve('') });
  invariant(own.kind === 'run', 'without arguments the daemon runs');
  return own.config;
}
