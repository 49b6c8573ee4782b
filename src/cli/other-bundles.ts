import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { CodedError } from '../lib/coded-error.ts';
import { isBundled } from '../lib/version.ts';
import { type Bundle, COMMANDS, type CommandName } from './commands.ts';

/** A command that this installation does not have. */
class CommandMissingError extends CodedError<'CommandMissing'> {
  override readonly name = 'CommandMissingError';
}

/** What every bundle but the node's offers. */
interface BundleEntry {
  run(argv: readonly string[]): Promise<void>;
  /** Adds one of its commands with options and action. */
  add(name: CommandName, program: Command): Promise<void>;
}

type OtherBundle = Exclude<Bundle, 'node'>;

/**
 * The entry of each bundle: a file beside this one, or its source where nothing is bundled. They are found at run time, so that
 * the daemon neither contains nor loads them.
 */
const ENTRIES: Readonly<Record<OtherBundle, string>> = isBundled
  ? { tools: 'dracpu-tools.cjs', embedded: 'dracpu-embedded.cjs' }
  : { tools: 'tools.ts', embedded: '../../embedded/main.ts' };

const locate = (bundle: OtherBundle) => join(import.meta.dirname, ENTRIES[bundle]);

/** Whether this installation has a bundle. */
function hasBundle(bundle: Bundle): boolean {
  return bundle === 'node' || existsSync(locate(bundle));
}

/** Runs a command that another bundle has. @throws CommandMissingError where that is not installed, as in the node image. */
export async function runInBundle(bundle: OtherBundle, name: CommandName, argv: readonly string[]): Promise<void> {
  const path = locate(bundle);
  if (!existsSync(path)) {
    throw new CommandMissingError(
      'CommandMissing',
      `Cannot run "dracpu ${name}": the command is not part of the node image, and ${path} does not exist. ` +
        'Run it from a checkout or from the npm package dra-driver-cpu.',
    );
  }
  await (await load(path)).run(argv);
}

async function load(path: string): Promise<BundleEntry> {
  return (await import(pathToFileURL(path).href)) as BundleEntry;
}

/** Adds a command that another bundle has, which is installed. */
export async function addFromBundle(bundle: OtherBundle, name: CommandName, program: Command): Promise<void> {
  await (await load(locate(bundle))).add(name, program);
}

/** The commands that this installation has. */
export function listInstalled(): readonly CommandName[] {
  return (Object.keys(COMMANDS) as CommandName[]).filter((name) => hasBundle(COMMANDS[name].bundle));
}
