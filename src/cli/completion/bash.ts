import type { CompletedCommand, CompletedOption } from './words.ts';

/** Everything that is put into the script is a word of the program's own, which these are all made of. */
const WORD = /^[\w.:+-]+$/;

function join(words: readonly string[]): string {
  return words.filter((word) => WORD.test(word)).join(' ');
}

function writeValues(options: readonly CompletedOption[]): string[] {
  return options
    .filter(({ takesValue }) => takesValue)
    .map(({ names, values }) => `        ${names.join('|')}) values="${join(values)}"; takes=1 ;;`);
}

function writeCommand({ name, options, words }: CompletedCommand): string[] {
  const names = options.flatMap((option) => option.names);
  return [
    `    ${name})`,
    `      words="${join([...words, ...names])}"`,
    '      case $previous in',
    ...writeValues(options),
    '      esac ;;',
  ];
}

/**
 * A bash script that completes commands, options and their values, and file names where none are known. Zsh reads it, too
 * (bashcompinit).
 */
export function writeBashCompletion(commands: readonly CompletedCommand[], flags: readonly string[]): string {
  return [
    '_dracpu() {',
    '  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words= values= takes=',
    '  if [[ $COMP_CWORD -eq 1 ]]; then',
    `    COMPREPLY=($(compgen -W "help ${join(commands.map(({ name }) => name))} ${join(flags)}" -- "$current"))`,
    '    return',
    '  fi',
    '  case ${COMP_WORDS[1]} in',
    `    help) words="${join(commands.map(({ name }) => name))}" ;;`,
    ...commands.flatMap(writeCommand),
    `    -*) words="${join(flags)}" ;;`,
    '  esac',
    '  if [[ -n $takes ]]; then words=$values; fi',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    // Without a match bash completes file names.
    'complete -o default -F _dracpu dracpu',
    '',
  ].join('\n');
}

/** The same for zsh. */
export function writeZshCompletion(commands: readonly CompletedCommand[], flags: readonly string[]): string {
  return `#compdef dracpu\nautoload -U +X bashcompinit && bashcompinit\n${writeBashCompletion(commands, flags)}`;
}
