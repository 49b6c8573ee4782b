import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { describeConfig } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import { type ParsedCommand, parseConfig } from '../config/parse-config.ts';
import { type Daemon, startDaemon } from '../daemon/daemon.ts';
import { createLogger } from '../logging/logger.ts';
import type { DaemonOptions } from '../daemon/parts.ts';
import { errorText } from '../lib/log.ts';
import { commit, describeVersion, version } from '../lib/version.ts';

const EXIT_STOPPED = 0;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** The kubelet gives a pod 30 s, a rolling update wants less; connections that do not end by then are cut. */
const STOP_TIMEOUT_MS = 4_500;

type RunCommand = ParsedCommand & { kind: 'run' };

/** Resolves with the first signal that asks to stop. */
function waitForSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
}

/** Ends a daemon, also one that is still starting, within the time there is. */
async function stopInTime(starting: Promise<Daemon>): Promise<void> {
  const timeout = new Promise<void>((resolve) => void setTimeout(resolve, STOP_TIMEOUT_MS).unref());
  await Promise.race([starting.then((daemon) => daemon.stop()), timeout]);
}

/** Starts the driver, and anew when a successor gave it the node back, until it is asked to stop. */
async function runUntilStopped(options: DaemonOptions, stopped: Promise<NodeJS.Signals>): Promise<void> {
  const log = options.logger.forModule('main');
  for (;;) {
    const starting = startDaemon(options);
    // A start that fails is told at once; one that takes long can be given up.
    const signal = await Promise.race([
      stopped,
      starting.then(({ abandoned }) => Promise.race([stopped, abandoned.then(() => undefined)])),
    ]);
    if (signal !== undefined) {
      log.info('dracpu stops', { signal });
      return stopInTime(starting);
    }
    log.warn('dracpu takes the node back');
    await (await starting).stop();
  }
}

async function runDaemon({ config, warnings }: RunCommand): Promise<number> {
  const logger = createLogger({
    format: config.logFormat,
    verbosity: config.verbosity,
    moduleVerbosity: config.moduleVerbosity,
  });
  const log = logger.forModule('main');
  const stopped = waitForSignal();
  log.info('dracpu starts', { version, commit, ...describeConfig(config) });
  for (const warning of warnings) log.warn(warning);
  try {
    await runUntilStopped({ config, logger, environment: process.env }, stopped);
    return EXIT_STOPPED;
  } catch (error) {
    if (!(error instanceof Error) || typeof (error as { code?: unknown }).code !== 'string') throw error;
    log.error('dracpu cannot go on', { reason: errorText(error) });
    return EXIT_FAILED;
  }
}

/**
 * Runs the daemon until SIGTERM or SIGINT.
 * @returns the exit code: 0 asked to stop, 1 cannot go on, 2 wrong usage or configuration.
 */
export async function runDaemonCommand(argv: readonly string[]): Promise<number> {
  let command: ParsedCommand;
  try {
    const readText = (path: string) => readFile(path, 'utf8');
    command = await parseConfig({ argv, env: process.env, hostname: hostname(), readFile: readText });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT_USAGE;
  }
  if (command.kind === 'run') return runDaemon(command);
  process.stdout.write(command.kind === 'help' ? command.text : `${describeVersion()}\n`);
  return EXIT_STOPPED;
}
