import { basename } from 'node:path';
import { errorText } from '../lib/log.ts';

/** The name under which the reference has its diagnostic tool; called by it, the program is `dracpu gatherinfo`. */
const GATHERINFO_NAME = 'dracpu-gatherinfo';

/** The program's arguments with the subcommand that its name stands for. The reference's tool takes flags with one dash too. */
function readArguments(argv: readonly string[]): readonly string[] {
  const [, programPath = '', ...rest] = argv;
  const named = basename(programPath) === GATHERINFO_NAME ? ['gatherinfo', ...rest] : rest;
  return named[0] === 'gatherinfo' ? named.map((argument) => argument.replace(/^-(?=[a-z]{2})/, '--')) : named;
}

/** The daemon, which has no subcommand, carries no other command in its memory: each side is loaded when it is asked for. */
async function main(): Promise<void> {
  const argv = readArguments(process.argv);
  const [first] = argv;
  if (first !== undefined && !first.startsWith('-')) {
    const { runSubcommand } = await import('./node-commands.ts');
    return runSubcommand(argv);
  }
  const { runDaemonCommand } = await import('./daemon-command.ts');
  process.exit(await runDaemonCommand(argv));
}

main().catch((error: unknown) => {
  const isExpected = error instanceof Error && typeof (error as { code?: unknown }).code === 'string';
  process.stderr.write(`${isExpected ? errorText(error) : ((error as Error).stack ?? errorText(error))}\n`);
  process.exitCode = 1;
});
