import { Argument, Command } from 'commander';
import { writeFlag } from '../config/flags.ts';
import { optionRows } from '../config/options.ts';
import { declareCommand } from './commands.ts';
import { writeBashCompletion, writeZshCompletion } from './completion/bash.ts';
import { writeFishCompletion } from './completion/fish.ts';
import { describeForShell } from './completion/words.ts';

const WRITERS = { bash: writeBashCompletion, zsh: writeZshCompletion, fish: writeFishCompletion } as const;
const SHELLS = Object.keys(WRITERS) as (keyof typeof WRITERS)[];

/** The flags of the daemon, which is what the program is without a command. */
function listFlags(): string[] {
  const flags = optionRows.flatMap(([, { flag }]) => (flag === undefined ? [] : [writeFlag(flag)]));
  return [...flags, '--version', '--help'];
}

/**
 * Adds `completion`: what a shell needs to complete this program's arguments.
 * @param addInstalled adds every command of this installation to a program.
 */
export function addCompletionCommand(program: Command, addInstalled: (to: Command) => Promise<void>): void {
  declareCommand(program, 'completion')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText('after', '\nIn bash:  source <(dracpu completion bash)')
    .action(async (shell: keyof typeof WRITERS) => {
      const whole = new Command('dracpu');
      await addInstalled(whole);
      process.stdout.write(WRITERS[shell](whole.commands.map(describeForShell), listFlags()));
    });
}
