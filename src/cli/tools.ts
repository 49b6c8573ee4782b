import type { Command } from 'commander';
import type { CommandName } from './commands.ts';
import { type CommandSet, runCommand } from './run-command.ts';

/** The commands that need neither a node nor the driver: a bundle of their own, which the node image does not have. */
const commands: CommandSet['commands'] = {
  validate: async (program) => (await import('./validate-command.ts')).addValidateCommand(program),
};

/** Runs the command that the arguments name. */
export function run(argv: readonly string[]): Promise<void> {
  return runCommand(argv, { commands });
}

/** Adds one of the commands with options and action. */
export async function add(name: CommandName, program: Command): Promise<void> {
  await commands[name]?.(program);
}
