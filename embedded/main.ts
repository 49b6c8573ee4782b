import { type CommandSet, runCommand } from '../src/cli/run-command.ts';

/** The commands of the embedded node's bundle. */
const commands: CommandSet['commands'] = {
  demo: async (program) => (await import('./demo/demo-command.ts')).addDemoCommand(program),
  'embedded-node': async (program) => (await import('./embedded-node-command.ts')).addEmbeddedNodeCommand(program),
};

/** Runs the command that the arguments name. */
export function run(argv: readonly string[]): Promise<void> {
  return runCommand(argv, { commands });
}
