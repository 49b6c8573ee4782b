import { basename } from 'node:path';
import { Command, CommanderError } from 'commander';
import { errorText } from '../lib/log.ts';
import { version } from '../lib/version.ts';

/** Wrong usage or configuration; what cannot go on for another reason ends with 1. */
const EXIT_USAGE = 2;

/** The name under which the reference has its diagnostic tool; called by it, the program is `dracpu gatherinfo`. */
const GATHERINFO_NAME = 'dracpu-gatherinfo';

/**
 * Every subcommand, loaded only when it is asked for: the daemon, which has none, carries no simulator in its memory.
 */
const subcommands: Readonly<Record<string, (program: Command) => Promise<void>>> = {
  topology: async (program) => (await import('./topology-command.ts')).addTopologyCommand(program),
  plan: async (program) => (await import('./plan-command.ts')).addPlanCommand(program),
  demo: async (program) => (await import('./demo-command.ts')).addDemoCommand(program),
  'embedded-node': async (program) => (await import('./embedded-node-command.ts')).addEmbeddedNodeCommand(program),
  gatherinfo: async (program) => (await import('./gatherinfo-command.ts')).addGatherinfoCommand(program),
  validate: async (program) => (await import('./validate-command.ts')).addValidateCommand(program),
  introspect: async (program) => (await import('./introspect-command.ts')).addIntrospectCommand(program),
};

/** The program's arguments with the subcommand that its name stands for. */
function readArguments(argv: readonly string[]): readonly string[] {
  const [, programPath = '', ...rest] = argv;
  return basename(programPath) === GATHERINFO_NAME ? ['gatherinfo', ...rest] : rest;
}

async function runSubcommand(name: string, argv: readonly string[]): Promise<void> {
  const program = new Command('dracpu').version(version).exitOverride();
  const wanted = Object.hasOwn(subcommands, name) ? [name] : Object.keys(subcommands);
  for (const each of wanted) await subcommands[each]?.(program);
  for (const command of program.commands) command.exitOverride();
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has told its errors; those of its own are wrong usage and have exit code 1.
    process.exitCode = error.exitCode === 1 && error.code !== 'commander.error' ? EXIT_USAGE : error.exitCode;
  }
}

async function main(): Promise<void> {
  const argv = readArguments(process.argv);
  const [first] = argv;
  if (first !== undefined && !first.startsWith('-')) return runSubcommand(first, argv);
  const { runDaemonCommand } = await import('./daemon-command.ts');
  process.exit(await runDaemonCommand(argv));
}

main().catch((error: unknown) => {
  const isExpected = error instanceof Error && typeof (error as { code?: unknown }).code === 'string';
  process.stderr.write(`${isExpected ? errorText(error) : ((error as Error).stack ?? errorText(error))}\n`);
  process.exitCode = 1;
});
