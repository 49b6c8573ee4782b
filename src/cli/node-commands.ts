import type { Command } from 'commander';
import { type CommandName, COMMANDS, declareCommand, findCommand } from './commands.ts';
import { addFromBundle, listInstalled, runInBundle } from './other-bundles.ts';
import { type CommandSet, runCommand } from './run-command.ts';

/** The commands of the bundle that is in the node image, each loaded only when it is asked for. */
const commands: CommandSet['commands'] = {
  topology: async (program) => (await import('./topology-command.ts')).addTopologyCommand(program),
  plan: async (program) => (await import('./plan-command.ts')).addPlanCommand(program),
  gatherinfo: async (program) => (await import('./gatherinfo-command.ts')).addGatherinfoCommand(program),
  drain: async (program) => (await import('./drain-command.ts')).addDrainCommand(program),
  introspect: async (program) => (await import('./introspect-command.ts')).addIntrospectCommand(program),
  version: async (program) => (await import('./version-command.ts')).addVersionCommand(program),
  completion: async (program) => (await import('./completion-command.ts')).addCompletionCommand(program, addInstalled),
};

async function addOne(program: Command, name: CommandName): Promise<void> {
  const { bundle } = COMMANDS[name];
  if (bundle === 'node') await commands[name]?.(program);
  else await addFromBundle(bundle, name, program);
}

/** Adds every command of this installation with its options. */
async function addInstalled(program: Command): Promise<void> {
  for (const name of listInstalled()) await addOne(program, name);
}

/** Runs a command of this bundle or of another one that is installed; its exit code becomes the process's. */
export async function runSubcommand(argv: readonly string[]): Promise<void> {
  const name = findCommand(argv);
  const bundle = name === undefined ? 'node' : COMMANDS[name].bundle;
  if (name !== undefined && bundle !== 'node') return runInBundle(bundle, name, argv);
  const declareAll: CommandSet['declareAll'] = (program) => {
    for (const each of listInstalled()) declareCommand(program, each);
  };
  return runCommand(argv, { commands, declareAll });
}
