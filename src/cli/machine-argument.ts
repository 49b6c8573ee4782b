import { readFileSync, statSync } from 'node:fs';
import { suggestName } from '../lib/nearest-name.ts';
import { errorText } from '../lib/log.ts';
import { readTopology, TopologyError } from '../sysfs/read-topology.ts';
import { CATALOGUE } from '../topology/catalogue.ts';
import { parseSynthetic, SyntheticError } from '../topology/synthetic.ts';
import { TopologyJsonError, topologyFromJson } from '../topology/topology-from-json.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { CodedError } from '../lib/coded-error.ts';
import { quote } from '../lib/quote.ts';

/** Why an argument names no machine. */
export type MachineArgumentErrorCode = 'UnknownMachine' | 'UnreadableFile' | 'InvalidMachine';

/** An argument that names no machine. The message quotes it and says what would. */
export class MachineArgumentError extends CodedError<MachineArgumentErrorCode> {
  override readonly name = 'MachineArgumentError';
}

/** A machine other than this one: a folder with `sys/` in it, or one that is only described. */
export type GivenMachine = { readonly folder: string } | { readonly topology: CpuTopology };

/** What may stand before a name of the catalogue, where a file has the same name. */
const CATALOGUE_PREFIX = 'machine:';

/** For the help of options that take a machine. */
export const MACHINE_ARGUMENT_HELP =
  'a folder with sys/ in it, a file of `dracpu topology -o json`, a synthetic machine such as "pack:2 core:8 pu:2", or a name ' +
  'of `dracpu topology --list-machines`';

function parseDocument(path: string, text: string): CpuTopology {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    const message = `Cannot use machine ${quote(path)}: the file is no JSON (${errorText(cause)}); want what "dracpu topology -o json" prints`;
    throw new MachineArgumentError('InvalidMachine', message, { cause });
  }
  return topologyFromJson(json);
}

function readPath(path: string, isDirectory: boolean): CpuTopology {
  if (isDirectory) return readTopology({ hostRoot: path, pcieRoots: true });
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const message = `Cannot read machine ${quote(path)}: ${errorText(cause)}`;
    throw new MachineArgumentError('UnreadableFile', message, { cause });
  }
  return parseDocument(path, text);
}

function failUnknown(argument: string, name: string): never {
  const names = CATALOGUE.map((machine) => machine.name);
  throw new MachineArgumentError(
    'UnknownMachine',
    `Cannot find machine ${quote(argument)}: it is no folder or file, no synthetic machine ("pack:2 core:8 pu:2") and ` +
      `none of the known ones${suggestName(name, names) || ` (${names.join(', ')})`}`,
  );
}

/** What lies at a path; undefined where nothing does, as with texts too long for one. */
function lookUp(path: string): { readonly isDirectory: boolean } | undefined {
  try {
    return { isDirectory: statSync(path).isDirectory() };
  } catch {
    return undefined;
  }
}

function findMachine(argument: string): CpuTopology {
  const isNamed = argument.startsWith(CATALOGUE_PREFIX);
  const name = isNamed ? argument.slice(CATALOGUE_PREFIX.length) : argument;
  const found = isNamed ? undefined : lookUp(argument);
  if (found) return readPath(argument, found.isDirectory);
  const known = CATALOGUE.find((machine) => machine.name === name.toLowerCase());
  if (known) return known.build();
  if (!isNamed && /^\s*[a-z]\w*:\d/i.test(argument)) return parseSynthetic(argument);
  return failUnknown(argument, name);
}

/**
 * The machine that an argument of the command line names: a folder with `sys/` in it, a file that `dracpu topology -o json`
 * printed, a machine in hwloc's synthetic syntax or a name of the catalogue (`machine:NAME` where a file is called so too).
 * @throws MachineArgumentError
 */
export function readMachineArgument(argument: string): CpuTopology {
  try {
    return findMachine(argument);
  } catch (error) {
    if (error instanceof MachineArgumentError) throw error;
    const isExpected =
      error instanceof TopologyError || error instanceof TopologyJsonError || error instanceof SyntheticError;
    if (!isExpected) throw error;
    const why = error instanceof TopologyJsonError ? ` (machine ${quote(argument)})` : '';
    throw new MachineArgumentError('InvalidMachine', `${error.message}${why}`, { cause: error });
  }
}

/**
 * The same for programs that read the machine's files themselves: a folder stays one.
 * @throws MachineArgumentError
 */
export function readGivenMachine(argument: string): GivenMachine {
  const topology = readMachineArgument(argument);
  const isFolder = !argument.startsWith(CATALOGUE_PREFIX) && lookUp(argument)?.isDirectory === true;
  return isFolder ? { folder: argument } : { topology };
}
