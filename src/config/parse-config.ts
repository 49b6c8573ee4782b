import { errorText } from '../lib/log.ts';
import { suggestName } from '../lib/nearest-name.ts';
import { type Config, toConfig } from './config.ts';
import { ConfigError, type ConfigProblem } from './config-error.ts';
import { type FileValue, parseConfigFile } from './config-file.ts';
import { parseFlags, writeFlag } from './flags.ts';
import { formatHelp } from './help.ts';
import { type Option, type OptionName, options, optionRows, type Settings } from './options.ts';
import { absolutePath } from './values.ts';
import { quote } from '../lib/quote.ts';

/** The variables of the environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where settings come from. */
export interface ConfigSources {
  /** The arguments after the command's name. */
  readonly argv: readonly string[];
  readonly env: Environment;
  /** The machine's name as the kernel has it, the node's name unless another is set. */
  readonly hostname: string;
  /** Reads a text file. */
  readonly readFile: (path: string) => Promise<string>;
}

/** What the daemon's command line asks for. */
export type ParsedCommand =
  | { readonly kind: 'run'; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' };

/** The texts that set an option, and how messages call the place that won. */
interface Layers {
  readonly flags: ReadonlyMap<OptionName, string>;
  readonly file: ReadonlyMap<OptionName, FileValue>;
  readonly path: string;
  readonly env: Environment;
  readonly hostname: string;
}

async function readConfigFile(path: string, readFile: ConfigSources['readFile']): Promise<Layers['file']> {
  let text: string;
  try {
    text = await readFile(path);
  } catch (cause) {
    const message = `Cannot read configuration file ${quote(path)}: ${errorText(cause)}; check --config`;
    throw new ConfigError([{ code: 'UnreadableFile', message }], cause);
  }
  return parseConfigFile(path, text);
}

/** The text of an option: flags over the file over the environment over the default. */
function findText(name: OptionName, row: Option<unknown>, layers: Layers): { text: string; origin: string } {
  const isSet = (text: string | undefined): text is string => text !== undefined && !(row.emptyIsUnset && text === '');
  const flag = layers.flags.get(name);
  if (isSet(flag)) return { text: flag, origin: `flag "${writeFlag(row.flag ?? '')}"` };
  const inFile = layers.file.get(name);
  if (isSet(inFile?.text)) {
    const { text, line, column } = inFile;
    const place = `${quote(layers.path)}, line ${line}, column ${column},`;
    return { text, origin: `key ${quote(row.key)} in ${place}` };
  }
  const variable = row.environment === undefined ? undefined : layers.env[row.environment];
  if (isSet(variable)) return { text: variable, origin: `environment variable ${row.environment}` };
  return name === 'nodeName'
    ? { text: layers.hostname, origin: "the host's name (change it with --hostname-override)" }
    : { text: row.default, origin: 'the default' };
}

function readSettings(layers: Layers): Settings {
  const problems: ConfigProblem[] = [];
  const settings: Record<string, unknown> = {};
  for (const [name, row] of optionRows) {
    const { text, origin } = findText(name, row, layers);
    const read = row.value.read(text);
    if ('value' in read) {
      settings[name] = read.value;
      continue;
    }
    const hint = suggestName(text, row.value.allowed ?? []);
    const message = `Cannot start dracpu: ${origin} is ${quote(text)}; want ${read.want}${hint}`;
    problems.push({ code: 'InvalidValue', message });
  }
  const [first, ...rest] = problems;
  if (first) throw new ConfigError([first, ...rest]);
  // Every row of the table has put its value under its name, which is what the mapped type says.
  return settings as Settings;
}

function collectWarnings({ flags, file }: Layers): string[] {
  const warnings: string[] = [];
  for (const [name, row] of optionRows) {
    const text = flags.get(name);
    if (text === undefined || row.flag === undefined) continue;
    const flag = writeFlag(row.flag);
    if (row.deprecatedFlag) {
      warnings.push(`flag "${flag}" is deprecated; set key "${row.key ?? ''}" in the file of --config instead`);
    }
    const inFile = file.get(name);
    if (inFile && inFile.text !== text) {
      const values = `${quote(text)} over ${quote(inFile.text)}`;
      warnings.push(`flag "${flag}" wins over key "${row.key ?? ''}" of the configuration file: ${values}`);
    }
  }
  return warnings;
}

/**
 * Reads the daemon's command line, its environment and, when one is named, its configuration file. Flags win over the file,
 * the file over the environment, the environment over defaults.
 * @throws ConfigError that names every problem with its flag, key or variable; the command ends with exit code 2.
 */
export async function parseConfig({ argv, env, hostname, readFile }: ConfigSources): Promise<ParsedCommand> {
  const parsed = parseFlags(argv);
  if (parsed.kind === 'help') return { kind: 'help', text: formatHelp() };
  if (parsed.kind === 'version') return { kind: 'version' };
  const path = parsed.texts.get('configFile') ?? '';
  const file: Layers['file'] = path === '' ? new Map() : await readConfigFile(path, readFile);
  const layers: Layers = { flags: parsed.texts, file, path, env, hostname };
  return { kind: 'run', config: toConfig(readSettings(layers)), warnings: collectWarnings(layers) };
}

/**
 * The folder with the host's `sys/` and `proc/`, for commands other than the daemon.
 * @throws ConfigError when HOST_ROOT is no absolute path.
 */
export function readHostRoot(env: Environment): string {
  const text = env[options.hostRoot.environment] || options.hostRoot.default;
  const read = absolutePath.read(text);
  if ('value' in read) return read.value;
  const message = `Cannot start dracpu: environment variable HOST_ROOT is ${quote(text)}; want ${read.want}`;
  throw new ConfigError([{ code: 'InvalidValue', message }]);
}
