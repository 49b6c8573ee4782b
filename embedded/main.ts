import type { Command } from 'commander';
import type { CommandName } from '../src/cli/commands.ts';
import { type CommandSet, runCommand } from '../src/cli/run-command.ts';

/** The commands of the embedded node's bundle. */
const commands: CommandSet['commands'] = {
  demo: async (program) => (await import('./demo/demo-command.ts')).addDemoCommand(program),
  'embedded-node': async (program) => (await import('./node/embedded-node-command.ts')).addEmbeddedNodeCommand(program),
};

/** Runs the command that the arguments name. */
export function run(argv: readonly string[]): Promise<void> {
  return runCommand(argv, { commands });
}

/** Adds one of the commands with options and action. */
export async function add(name: CommandName, program: Command): Promise<void> {
  await commands[name]?.(program);
}
