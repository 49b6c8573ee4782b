import { Command, CommanderError } from 'commander';
import { version } from '../lib/version.ts';
import { type CommandName, findCommand } from './commands.ts';

/** Wrong usage or configuration; what cannot go on for another reason ends with 1. */
const EXIT_USAGE = 2;

/** Adds a command with its options and action to a program. */
export type AddCommand = (program: Command) => Promise<void>;

/** What a bundle runs: its commands, and how the names of others get into a list of commands. */
export interface CommandSet {
  readonly commands: Readonly<Partial<Record<CommandName, AddCommand>>>;
  /** Adds every command by name and summary, for a list of commands or a name that is unknown. */
  readonly declareAll?: (program: Command) => void;
}

/** A reader that closes the pipe (`| head`) has what it wants: no reason to complain, nor to go on. */
function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

/** Where a mistake in a command's arguments is looked up, also in those of a command within it. */
function nameOwnHelp(command: Command, words: string): void {
  command.exitOverride();
  command.showHelpAfterError(`"${words} --help" lists its options`);
  for (const each of command.commands) nameOwnHelp(each, `${words} ${each.name()}`);
}

/** Runs the command that the arguments name; its exit code becomes the process's. */
export async function runCommand(argv: readonly string[], { commands, declareAll }: CommandSet): Promise<void> {
  endWithReader();
  const program = new Command('dracpu').version(version).exitOverride();
  program.showHelpAfterError('"dracpu help" lists the commands, "dracpu --help" the flags of the daemon');
  const name = findCommand(argv);
  const add = name === undefined ? undefined : commands[name];
  if (add === undefined) declareAll?.(program);
  else await add(program);
  for (const command of program.commands) nameOwnHelp(command, `dracpu ${command.name()}`);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has reported its errors; those of its own are wrong usage and have exit code 1.
    process.exitCode = error.exitCode === 1 && error.code !== 'commander.error' ? EXIT_USAGE : error.exitCode;
  }
}
