import type { Command } from 'commander';
import { describeVersion } from '../lib/version.ts';
import { declareCommand } from './commands.ts';

/** Adds `version`: the same line as `dracpu --version`. */
export function addVersionCommand(program: Command): void {
  declareCommand(program, 'version').action(() => {
    process.stdout.write(`${describeVersion()}\n`);
  });
}
