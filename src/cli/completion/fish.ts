import type { CompletedCommand, CompletedOption } from './words.ts';

/** A text as fish reads it within single quotes. */
function quoteFish(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function writeOption(command: string, { names, summary, values, takesValue }: CompletedOption): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const follows = values.length > 0 ? ` -x -a ${quoteFish(values.join(' '))}` : takesValue ? ' -r' : '';
  const where = quoteFish(`__fish_seen_subcommand_from ${command}`);
  return `complete -c dracpu -n ${where} ${flags.join(' ')}${follows} -d ${quoteFish(summary)}`;
}

function writeCommand({ name, summary, options, words }: CompletedCommand): string[] {
  const where = quoteFish(`__fish_seen_subcommand_from ${name}`);
  return [
    `complete -c dracpu -n __fish_use_subcommand -a ${name} -d ${quoteFish(summary)}`,
    ...words.map((word) => `complete -c dracpu -n ${where} -a ${quoteFish(word)}`),
    ...options.map((option) => writeOption(name, option)),
  ];
}

/** A fish script that completes commands and options with what they are for. */
export function writeFishCompletion(commands: readonly CompletedCommand[], flags: readonly string[]): string {
  const daemon = flags
    .filter((flag) => flag.startsWith('--'))
    .map((flag) => `complete -c dracpu -n __fish_use_subcommand -l ${flag.slice(2)}`);
  return `${[...commands.flatMap(writeCommand), ...daemon].join('\n')}\n`;
}
