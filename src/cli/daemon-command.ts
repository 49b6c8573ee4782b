import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { ConfigError } from '../config/config-error.ts';
import { parseConfig } from '../config/parse-config.ts';
import { commit, version } from '../lib/version.ts';

const EXIT_STOPPED = 0;
const EXIT_USAGE = 2;

/**
 * Runs the daemon until SIGTERM or SIGINT.
 * @returns the exit code: 0 asked to stop, 1 cannot go on, 2 wrong usage or configuration.
 */
export async function runDaemonCommand(argv: readonly string[]): Promise<number> {
  try {
    const readText = (path: string) => readFile(path, 'utf8');
    const command = await parseConfig({ argv, env: process.env, hostname: hostname(), readFile: readText });
    if (command.kind === 'help') process.stdout.write(command.text);
    else if (command.kind === 'version') process.stdout.write(`dracpu ${version} (${commit})\n`);
    else return 1;
    return EXIT_STOPPED;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT_USAGE;
  }
}
