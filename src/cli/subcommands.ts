import { Command, CommanderError } from 'commander';
import { version } from '../lib/version.ts';

/** Wrong usage or configuration; what cannot go on for another reason ends with 1. */
const EXIT_USAGE = 2;

/** Every subcommand, loaded only when it is asked for. */
const subcommands: Readonly<Record<string, (program: Command) => Promise<void>>> = {
  topology: async (program) => (await import('./topology-command.ts')).addTopologyCommand(program),
  plan: async (program) => (await import('./plan-command.ts')).addPlanCommand(program),
  demo: async (program) => (await import('../../embedded/demo/demo-command.ts')).addDemoCommand(program),
  'embedded-node': async (program) =>
    (await import('../../embedded/embedded-node-command.ts')).addEmbeddedNodeCommand(program),
  gatherinfo: async (program) => (await import('./gatherinfo-command.ts')).addGatherinfoCommand(program),
  validate: async (program) => (await import('./validate-command.ts')).addValidateCommand(program),
  drain: async (program) => (await import('./drain-command.ts')).addDrainCommand(program),
  introspect: async (program) => (await import('./introspect-command.ts')).addIntrospectCommand(program),
};

/** A reader that closes the pipe (`| head`) has what it wants: no reason to complain, nor to go on. */
function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

/** Runs a subcommand; its exit code becomes the process's. */
export async function runSubcommand(name: string, argv: readonly string[]): Promise<void> {
  endWithReader();
  const program = new Command('dracpu').version(version).exitOverride();
  program.showHelpAfterError('"dracpu help" lists the commands, "dracpu --help" the flags of the daemon');
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
