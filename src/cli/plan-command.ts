import { CodedError } from '../lib/coded-error.ts';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CpuSet } from '../cpuset/cpu-set.ts';
import { CpuListError, parseCpuList } from '../cpuset/parse.ts';
import { BatchTopologiesError, parseBatchTopologies } from '../placement/batch-topologies.ts';
import { checkCpus } from '../placement/check-cpus.ts';
import { drawPlacement } from '../placement/draw-placement.ts';
import { explainPlacement } from '../placement/explain.ts';
import { answerCase } from '../placement/plan-batch.ts';
import {
  PLACEMENT_POLICIES,
  type Placement,
  PlacementError,
  type PlacementPolicy,
  SHARED_DOMAINS,
  type SharedDomain,
  takeCpus,
} from '../placement/take-cpus.ts';
import type { CoreType, CpuTopology } from '../topology/topology.ts';
import { MACHINE_ARGUMENT_HELP, MachineArgumentError, readMachineArgument } from './machine-argument.ts';
import { declareCommand } from './commands.ts';
import { quote } from '../lib/quote.ts';

/** The options of `dracpu plan`, as commander fills them in. */
interface PlanOptions {
  readonly topology?: string;
  readonly free?: CpuSet;
  readonly taken?: CpuSet;
  readonly cpus?: number;
  readonly cpuset?: CpuSet;
  readonly policy: PlacementPolicy;
  readonly group?: number;
  readonly nodes?: number;
  readonly coreType?: CoreType;
  readonly isolated?: 'prefer' | 'require';
  readonly roundUp?: boolean;
  readonly near?: CpuSet;
  readonly pcieRoot?: string;
  readonly singleSocket?: boolean;
  readonly avoidSharing?: SharedDomain;
  readonly output: 'text' | 'json';
  readonly batch?: boolean;
  readonly topologies?: string;
}

function parseListArgument(text: string): CpuSet {
  try {
    return parseCpuList(text);
  } catch (error) {
    if (error instanceof CpuListError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

function parseCountArgument(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Want a whole number, 1 or more.');
  return Number(text);
}

/** A file that cannot be planned with. */
class PlanFileError extends CodedError<'UnreadableFile'> {
  override readonly name = 'PlanFileError';
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `Cannot plan: ${quote(path)} is not a readable JSON file (${why})`;
    throw new PlanFileError('UnreadableFile', message, { cause });
  }
}

/** The CPUs to prefer: those named, and those local to a PCIe root. */
function findNear(topology: CpuTopology, { near, pcieRoot }: PlanOptions, command: Command): CpuSet | undefined {
  if (pcieRoot === undefined) return near;
  const root = topology.pcieRoots.find((one) => one.pcieRoot === pcieRoot);
  if (root) return near ? near.union(root.cpus) : root.cpus;
  const known = topology.pcieRoots.map((one) => one.pcieRoot).join(', ') || 'none';
  return command.error(`Cannot plan near PCIe root ${quote(pcieRoot)}: the machine has ${known}`, {
    exitCode: 2,
  });
}

function choose(topology: CpuTopology, free: CpuSet, options: PlanOptions, command: Command): Placement {
  if (options.cpuset) return checkCpus(topology, { free, cpus: options.cpuset });
  const { cpus, policy, group, nodes, coreType, isolated, roundUp, singleSocket, avoidSharing: domain } = options;
  if (cpus === undefined) {
    return command.error('Cannot plan: neither --cpus nor --cpuset is given; want one of them', { exitCode: 2 });
  }
  const near = findNear(topology, options, command);
  return takeCpus(topology, {
    free,
    cpus,
    policy,
    ...(group === undefined ? {} : { group }),
    ...(nodes === undefined ? {} : { nodes }),
    ...(coreType && { coreType }),
    ...(isolated && { isolated }),
    ...(roundUp === undefined ? {} : { roundUp }),
    ...(near && { near }),
    ...(singleSocket === undefined ? {} : { singleSocket }),
    ...(domain && { avoidSharing: { domain, others: topology.online.difference(free) } }),
  });
}

/** One choice: the CPUs, why, and the picture. */
function planOne(options: PlanOptions, command: Command): void {
  if (options.topology === undefined) {
    command.error('Cannot plan: no --topology is given; name a machine', { exitCode: 2 });
  }
  const topology = readMachineArgument(options.topology);
  const free = options.free ?? topology.online.difference(options.taken ?? topology.offline);
  const placement = choose(topology, free, options, command);
  const { cpus, score, rule, preferred, shared } = placement;
  const lines =
    options.output === 'json'
      ? [JSON.stringify({ cpus, score, rule: rule.kind, preferred, shared, why: explainPlacement(placement) })]
      : [cpus.toString(), ...explainPlacement(placement), '', ...drawPlacement(topology, { free, cpus })];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Writes and waits while the reader is slow, so that a long batch does not pile up in memory. */
async function writeLine(line: string): Promise<void> {
  if (process.stdout.write(`${line}\n`)) return;
  await new Promise<void>((resolve) => process.stdout.once('drain', resolve));
}

/** Answers the cases on stdin one by one, each in a line on stdout. */
async function planBatch(path: string): Promise<void> {
  const topologies = parseBatchTopologies(readJson(path));
  const now = () => performance.now();
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    await writeLine(JSON.stringify(answerCase(line, { topologies, now })));
  }
}

async function runPlan(options: PlanOptions, command: Command): Promise<void> {
  try {
    if (!options.batch) planOne(options, command);
    else if (options.topologies === undefined) {
      command.error('Cannot plan a batch: no --topologies is given; name the file of machines', { exitCode: 2 });
    } else await planBatch(options.topologies);
  } catch (error) {
    const isExpected =
      error instanceof PlacementError ||
      error instanceof BatchTopologiesError ||
      error instanceof MachineArgumentError ||
      error instanceof PlanFileError;
    if (!isExpected) throw error;
    command.error(error.message, { exitCode: 1 });
  }
}

/** Adds `plan`: which CPUs a request would get on a machine and why, or with `--batch` many requests at once. */
export function addPlanCommand(program: Command): void {
  const plan = declareCommand(program, 'plan');
  plan
    .option('--topology <machine>', MACHINE_ARGUMENT_HELP)
    .addOption(new Option('--free <list>', 'CPUs that are free; default: all online ones').argParser(parseListArgument))
    .addOption(new Option('--taken <list>', 'CPUs that are not free').argParser(parseListArgument).conflicts('free'))
    .option('--cpus <number>', 'how many are wanted', parseCountArgument)
    .addOption(
      new Option('--cpuset <list>', 'check this list instead of choosing')
        .argParser(parseListArgument)
        .conflicts('cpus'),
    )
    .addOption(new Option('--policy <policy>', 'how to choose').choices(PLACEMENT_POLICIES).default('packed'))
    .option('--group <number>', 'distributed: hand out CPUs in groups of this size', parseCountArgument)
    .option('--nodes <number>', 'distributed: over exactly this many NUMA nodes', parseCountArgument)
    .addOption(new Option('--core-type <type>', 'only CPUs of this type').choices(['standard', 'p-core', 'e-core']))
    .addOption(new Option('--isolated <how>', 'take isolated CPUs first, or only them').choices(['prefer', 'require']))
    .option('--round-up', 'full-cores: take up to a core more rather than refuse')
    .option('--near <list>', 'CPUs to prefer', parseListArgument)
    .option('--pcie-root <root>', 'prefer the CPUs local to this PCIe root')
    .option('--single-socket', 'all CPUs of one socket, with any policy')
    .addOption(
      new Option('--avoid-sharing <domain>', 'of equal choices the one whose caches or cores are least in use').choices(
        SHARED_DOMAINS,
      ),
    )
    .addOption(new Option('-o, --output <form>', 'what to print').choices(['text', 'json']).default('text'))
    .option('--batch', 'answer the cases on stdin, one JSON object a line')
    .option('--topologies <file>', 'batch: JSON file of machines by name')
    .action((options: PlanOptions) => runPlan(options, plan));
}
