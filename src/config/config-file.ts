import { nearestName, suggestName } from '../lib/nearest-name.ts';
import { ConfigError, type ConfigErrorCode, type ConfigProblem } from './config-error.ts';
import { CONFIG_API_VERSION, type Option, type OptionName, optionRows } from './options.ts';
import type { ValueKind } from './values.ts';
import type { Place, YamlEntry } from './yaml-entries.ts';
import { quote } from '../lib/quote.ts';

/** A value of the file as text, and where it stands. */
export interface FileValue extends Place {
  readonly text: string;
}

/** Longest file that is read, in characters: far over any sensible one, and small enough for every node. */
const FILE_LENGTH_MAX = 1_048_576;

const API_VERSION_KEY = 'apiVersion';
const rowsByKey = new Map(
  optionRows.flatMap(([name, row]) => (row.key === undefined ? [] : [[row.key, { name, row }]])),
);
const allowedKeys = [API_VERSION_KEY, ...[...rowsByKey].flatMap(([key, { row }]) => (row.notInFile ? [] : [key]))];

/** The value as a flag would have it, or undefined when it is of another type than wanted. */
function writePlain(plain: unknown, type: ValueKind<unknown>['type']): string | undefined {
  if (typeof plain === 'string') return type === 'string' ? plain : undefined;
  if (typeof plain === 'boolean') return type === 'boolean' ? String(plain) : undefined;
  return typeof plain === 'number' && type === 'integer' ? String(plain) : undefined;
}

function describeWrongType({ key, plain, source }: YamlEntry, row: Option<unknown>): string {
  const { type } = row.value;
  const isPlain = typeof plain === 'number' || typeof plain === 'boolean';
  const hint = type === 'string' && isPlain ? `; put it in quotes: ${key}: "${source}"` : '';
  const state = plain === undefined ? 'a map or a list' : quote(source);
  return `key ${quote(key)} is ${state}, want ${type === 'integer' ? 'an' : 'a'} ${type}${hint}`;
}

/** Takes values out of a file while collecting all that is wrong with it. */
class FileReader {
  readonly values = new Map<OptionName, FileValue>();
  readonly problems: ConfigProblem[] = [];
  readonly #path: string;
  readonly #lineByKey = new Map<string, number>();

  constructor(path: string) {
    this.#path = path;
  }

  report(code: ConfigErrorCode, { line, column }: Place, state: string): void {
    const place = `${quote(this.#path)}: line ${line}, column ${column}`;
    this.problems.push({ code, message: `Cannot read configuration file ${place}: ${state}` });
  }

  readEntry(entry: YamlEntry): void {
    const { key, keyPlace } = entry;
    const earlierLine = this.#lineByKey.get(key);
    if (earlierLine !== undefined) {
      this.report('RepeatedKey', keyPlace, `key ${quote(key)} stands in line ${earlierLine} too; remove one`);
      return;
    }
    this.#lineByKey.set(key, keyPlace.line);
    if (key === API_VERSION_KEY) this.#readVersion(entry);
    else this.#readOption(entry);
  }

  #readVersion({ plain, source, valuePlace }: YamlEntry): void {
    if (plain === CONFIG_API_VERSION) return;
    const state = `apiVersion is ${quote(source)}; want "${CONFIG_API_VERSION}"`;
    this.report('UnsupportedVersion', valuePlace, state);
  }

  #readOption(entry: YamlEntry): void {
    const { key, keyPlace, plain, valuePlace } = entry;
    const known = rowsByKey.get(key);
    const meant = known ?? rowsByKey.get(nearestName(key, rowsByKey.keys()) ?? '');
    if (meant?.row.notInFile !== undefined) {
      this.report('KeyNotAllowed', keyPlace, `key ${quote(key)} cannot be set here; ${meant.row.notInFile}`);
    } else if (!known) {
      const hint = suggestName(key, allowedKeys) || `; want one of ${allowedKeys.join(', ')}`;
      this.report('UnknownKey', keyPlace, `unknown key ${quote(key)}${hint}`);
    } else if (plain === null) {
      // A key without a value leaves the default, as it does in the reference.
    } else {
      const text = writePlain(plain, known.row.value.type);
      if (text === undefined) this.report('WrongType', valuePlace, describeWrongType(entry, known.row));
      else this.values.set(known.name, { text, ...valuePlace });
    }
  }
}

/**
 * Reads the flat configuration file. Unknown, misspelt, repeated and wrongly typed keys are all reported, each with its line
 * and column.
 * @throws ConfigError with every problem found.
 */
export async function parseConfigFile(path: string, text: string): Promise<ReadonlyMap<OptionName, FileValue>> {
  if (text.length > FILE_LENGTH_MAX) {
    const state = `it has ${text.length} characters; want at most ${FILE_LENGTH_MAX}`;
    const message = `Cannot read configuration file ${quote(path)}: ${state}`;
    throw new ConfigError([{ code: 'MalformedFile', message }]);
  }
  // Loaded here and not above: a daemon without a file saves the YAML library's 1.6 MiB.
  const { readYamlEntries } = await import('./yaml-entries.ts');
  const { entries, problems } = readYamlEntries(text);
  const reader = new FileReader(path);
  for (const { place, state } of problems) reader.report('MalformedFile', place, state);
  for (const entry of entries) reader.readEntry(entry);
  const [first, ...rest] = reader.problems;
  if (first) throw new ConfigError([first, ...rest]);
  return reader.values;
}
