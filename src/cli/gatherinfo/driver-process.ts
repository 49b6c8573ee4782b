import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { type Config, describeConfig } from '../../config/config.ts';
import { optionRows } from '../../config/options.ts';
import { type Environment, parseConfig } from '../../config/parse-config.ts';

/** A running daemon, seen from outside. */
export interface DriverProcess {
  /** Its directory in a proc file system. */
  readonly directory: string;
  /** Arguments after the command. */
  readonly argv: readonly string[];
  /** Those variables of its environment that it is configured with. */
  readonly env: Environment;
}

/** Names under which the driver runs: the command, the reference's and ours, and our bundle run by Node. */
const COMMAND_NAMES: ReadonlySet<string> = new Set(['dracpu', 'dracpu.cjs']);
/** Variables that say how the driver runs; no other is read, because any may be a secret. */
const VARIABLES: ReadonlySet<string> = new Set(optionRows.flatMap(([, { environment }]) => environment ?? []));

/** The parts of a NUL-separated file of proc(5). */
async function readList(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\0').filter((part, i, parts) => i < parts.length - 1 || part !== '');
}

/** The arguments of a daemon's command line, undefined when it is another program or a subcommand of ours. */
function readDaemonArguments(commandLine: readonly string[]): readonly string[] | undefined {
  const [first, second] = commandLine;
  const rest = COMMAND_NAMES.has(basename(first ?? ''))
    ? commandLine.slice(1)
    : COMMAND_NAMES.has(basename(second ?? ''))
      ? commandLine.slice(2)
      : undefined;
  return rest === undefined || (rest[0] !== undefined && !rest[0].startsWith('-')) ? undefined : rest;
}

/** The daemon with the lowest process id below a proc directory, other than this process. */
export async function findDriverProcess(procDirectory: string): Promise<DriverProcess | undefined> {
  const names = await readdir(procDirectory).catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const self = await readlink(join(procDirectory, 'self')).catch(() => '');
  for (const pid of pids.filter((pid) => String(pid) !== self).toSorted((a, b) => a - b)) {
    const directory = join(procDirectory, String(pid));
    const argv = readDaemonArguments(await readList(join(directory, 'cmdline')));
    if (argv === undefined) continue;
    const entries = (await readList(join(directory, 'environ'))).map((entry) => {
      const end = entry.indexOf('=');
      return [entry.slice(0, end), entry.slice(end + 1)] as const;
    });
    return { directory, argv, env: Object.fromEntries(entries.filter(([name]) => VARIABLES.has(name))) };
  }
  return undefined;
}

/** A path as the driver means it, through its root or working directory. */
export function resolveInDriver({ directory }: Pick<DriverProcess, 'directory'>, path: string): string {
  // The working directory is a link: ".." behind it has to be resolved by the kernel, so that the path is not cleaned here.
  return isAbsolute(path) ? join(directory, 'root', path) : `${join(directory, 'cwd')}/${path}`;
}

/**
 * The configuration that a process runs with, read again from its command line, environment and file.
 * @throws ConfigError when they cannot be read as the driver's.
 */
export async function readDriverConfig(driver: DriverProcess, hostname: string): Promise<Config | undefined> {
  const { argv, env } = driver;
  const readDriverFile = (path: string) => readFile(resolveInDriver(driver, path), 'utf8');
  const parsed = await parseConfig({ argv, env, hostname, readFile: readDriverFile });
  return parsed.kind === 'run' ? parsed.config : undefined;
}

/** The configuration under the names that people set; what is not set is left out. */
export function listSettings(config: Config): Record<string, unknown> {
  const entries = Object.entries(describeConfig(config));
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== ''));
}
