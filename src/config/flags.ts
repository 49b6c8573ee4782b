import { suggestName } from '../lib/nearest-name.ts';
import { ConfigError, type ConfigErrorCode } from './config-error.ts';
import { type OptionName, optionRows } from './options.ts';
import { quote } from '../lib/quote.ts';

/** What the command line asks for: texts by option, the last of a repeated flag, or help or the version instead. */
export type ParsedFlags =
  | { readonly kind: 'run'; readonly texts: ReadonlyMap<OptionName, string> }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' };

const rowsByFlag = new Map(
  optionRows.flatMap(([name, row]) => (row.flag === undefined ? [] : [[row.flag, { name, row }]])),
);

/** Flags that ask for something else than the daemon; `-h` is short for the first as in every Go program. */
const COMMANDS = new Map<string, ParsedFlags>([
  ['help', { kind: 'help' }],
  ['h', { kind: 'help' }],
  ['version', { kind: 'version' }],
]);

/** A flag as people write it. */
export function writeFlag(flag: string): string {
  return flag.length === 1 ? `-${flag}` : `--${flag}`;
}

function fail(code: ConfigErrorCode, message: string): never {
  throw new ConfigError([{ code, message: `Cannot start dracpu: ${message}` }]);
}

function failUnknown(argument: string): never {
  const known = [...rowsByFlag.keys(), 'help', 'version'].map(writeFlag);
  const written = argument.replace(/=.*$/s, '');
  return fail('UnknownFlag', `unknown flag ${quote(written)}${suggestName(written, known) || '; see --help'}`);
}

/** One argument split as Go's flag package does (1.24, FlagSet.parseOne), or undefined when it ends the flags. */
function splitFlag(argument: string): { flag: string; text: string | undefined } | undefined {
  if (argument.length < 2 || !argument.startsWith('-') || argument === '--') return undefined;
  const body = argument.replace(/^--?/, '');
  if (/^[-=]/.test(body)) {
    fail('BadFlagSyntax', `${quote(argument)} is no flag; want one or two dashes and a name`);
  }
  const equals = body.indexOf('=');
  return equals < 0 ? { flag: body, text: undefined } : { flag: body.slice(0, equals), text: body.slice(equals + 1) };
}

function rejectRest(rest: readonly string[], previous: string | undefined): void {
  const [argument] = rest[0] === '--' ? rest.slice(1) : rest;
  if (argument === undefined) return;
  const hint =
    previous !== undefined && rowsByFlag.get(previous)?.row.value.type === 'boolean'
      ? `write ${writeFlag(previous)}=${argument} to give it a value`
      : 'the daemon takes flags only, a subcommand stands before all flags';
  fail('UnexpectedArgument', `unexpected argument ${quote(argument)}; ${hint}`);
}

/**
 * Reads the command line the way Go's flag package does, which the reference uses: one dash or two, the value after `=` or
 * in the next argument, booleans alone or with `=`, `--` at the end.
 * @throws ConfigError `UnknownFlag`, `BadFlagSyntax`, `MissingValue` or `UnexpectedArgument`.
 */
export function parseFlags(argv: readonly string[]): ParsedFlags {
  const texts = new Map<OptionName, string>();
  let previous: string | undefined;
  for (let index = 0; index < argv.length; index += 1) {
    const split = splitFlag(argv[index] ?? '');
    if (!split) {
      rejectRest(argv.slice(index), previous);
      break;
    }
    const command = COMMANDS.get(split.flag);
    if (command) return command;
    const known = rowsByFlag.get(split.flag) ?? failUnknown(argv[index] ?? '');
    let { text } = split;
    if (text === undefined && known.row.value.type === 'boolean') text = 'true';
    if (text === undefined) {
      index += 1;
      text =
        argv[index] ??
        fail('MissingValue', `flag "${writeFlag(split.flag)}" has no value; want ${known.row.value.placeholder}`);
    }
    texts.set(known.name, text);
    previous = split.text === undefined ? split.flag : undefined;
  }
  return { kind: 'run', texts };
}
