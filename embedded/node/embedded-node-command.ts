import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { Log } from '../../src/lib/log.ts';
import { makeDirectory } from '../../src/lib/make-directory.ts';
import { MACHINE_ARGUMENT_HELP, readGivenMachine } from '../../src/cli/machine-argument.ts';
import type { FeatureGates } from '../apiserver/feature-gates.ts';
import { type KubeletTiming, REAL_TIMING } from '../kubelet/timing.ts';
import { serveNode } from './serve-node.ts';
import { declareCommand } from '../../src/cli/commands.ts';

/** The options of `dracpu embedded-node`, as commander fills them in. */
interface EmbeddedNodeOptions {
  readonly directory: string;
  readonly topology?: string;
  readonly simulateContainers?: boolean;
  readonly removeDirectory?: boolean;
  readonly nodeName: string;
  readonly kubernetesVersion: string;
  readonly featureGates?: FeatureGates;
  readonly timing?: Partial<KubeletTiming>;
}

/** Reads "name=value,..." with names and values of a kind. */
function parsePairs<T>(text: string, read: (name: string, value: string) => T | undefined): Record<string, T> {
  const pairs = text.split(',').map((pair): [string, T] => {
    const [name = '', value = ''] = pair.split('=');
    const meant = read(name, value);
    if (meant === undefined) throw new InvalidArgumentError(`${JSON.stringify(pair)} is not understood.`);
    return [name, meant];
  });
  return Object.fromEntries(pairs);
}

function parseGates(text: string): FeatureGates {
  return parsePairs(text, (_name, value) => (/^(true|false)$/.test(value) ? value === 'true' : undefined));
}

function parseTiming(text: string): Partial<KubeletTiming> {
  return parsePairs(text, (name, value) => {
    return Object.hasOwn(REAL_TIMING, name) && /^\d{1,7}$/.test(value) ? Number(value) : undefined;
  });
}

/** One JSON line per event on standard error. */
const stderrLog: Log = {
  error: (message, fields) => writeEvent('error', message, fields),
  warn: (message, fields) => writeEvent('warn', message, fields),
  info: (message, fields) => writeEvent('info', message, fields),
  debug: () => {},
};

function writeEvent(level: string, message: string, fields: object = {}): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`);
}

async function runEmbeddedNode(given: EmbeddedNodeOptions): Promise<void> {
  const { simulateContainers = false, removeDirectory = false, topology, ...options } = given;
  const machine = topology === undefined ? {} : { machine: readGivenMachine(topology) };
  const directory = resolve(options.directory);
  await makeDirectory(directory, { mode: 0o700 });
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  // A parent that is gone reads nothing more: what it left must be cleaned up, where other commands just end.
  process.stdout.removeAllListeners('error').on('error', () => stop.abort());
  const streams = { input: process.stdin, output: process.stdout, stop: stop.signal };
  await serveNode({ ...options, ...machine, directory, simulateContainers, removeDirectory, log: stderrLog }, streams);
  process.stdin.destroy();
}

/** Adds `embedded-node`: API server, scheduler, kubelet and container runtime in a process that obeys standard input. */
export function addEmbeddedNodeCommand(program: Command): void {
  declareCommand(program, 'embedded-node')
    .requiredOption('--directory <path>', 'where all its files and sockets go')
    .option('--topology <machine>', `${MACHINE_ARGUMENT_HELP}; default: this machine`)
    .option('--simulate-containers', 'keep books of containers instead of starting processes')
    .option('--remove-directory', 'remove that directory at the end')
    .option('--node-name <name>', 'name of the Node object', 'embedded')
    .option('--kubernetes-version <version>', 'as /version tells', 'v1.36.0')
    .option('--feature-gates <gates>', 'such as DRAConsumableCapacity=false, separated by commas', parseGates)
    .option('--timing <times>', "the kubelet's waits in milliseconds, such as podResyncMs=500", parseTiming)
    .action((options: EmbeddedNodeOptions) => runEmbeddedNode(options));
}
