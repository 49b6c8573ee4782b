import { type Command, Option } from 'commander';
import { stringify } from 'yaml';
import { ConfigError } from '../config/config-error.ts';
import { readHostRoot } from '../config/parse-config.ts';
import { readTopology, TopologyError } from '../sysfs/read-topology.ts';
import { CATALOGUE } from '../topology/catalogue.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { topologyToJson } from '../topology/topology-json.ts';
import { formatTable } from '../view/text-table.ts';
import { drawTopology } from '../view/topology-svg.ts';
import { formatTopologyTable } from '../view/topology-table.ts';
import { MACHINE_ARGUMENT_HELP, MachineArgumentError, readMachineArgument } from './machine-argument.ts';
import { declareCommand } from './commands.ts';

/** The options of `dracpu topology`, as commander fills them in. */
interface TopologyOptions {
  readonly sysfs?: string;
  readonly output: 'table' | 'json' | 'yaml' | 'svg';
  readonly problems?: boolean;
  readonly machine?: string;
  readonly listMachines?: boolean;
}

function formatTopology(topology: CpuTopology, { output, problems }: TopologyOptions): string {
  switch (output) {
    case 'table':
      return formatTopologyTable(topology, { allProblems: problems ?? false });
    case 'json':
      return `${JSON.stringify(topologyToJson(topology))}\n`;
    case 'yaml':
      // Through JSON, where a CPU set is its list and an unknown key is absent.
      return stringify(JSON.parse(JSON.stringify(topologyToJson(topology))), { lineWidth: 0 });
    case 'svg':
      return drawTopology(topology);
  }
}

/** The machines of the catalogue, each with the source of its facts. */
function listMachines(): string {
  const rows = CATALOGUE.map(({ name, summary, source }) => [name, summary, source]);
  return `${formatTable(['NAME', 'MACHINE', 'SOURCE'], rows).join('\n')}\n`;
}

function findTopology({ machine, sysfs, problems = false }: TopologyOptions): CpuTopology {
  if (machine !== undefined) return readMachineArgument(machine);
  return readTopology({ hostRoot: sysfs ?? readHostRoot(process.env), pcieRoots: true, checkEveryFile: problems });
}

function runTopology(options: TopologyOptions, command: Command): void {
  try {
    const text = options.listMachines ? listMachines() : formatTopology(findTopology(options), options);
    process.stdout.write(text);
  } catch (error) {
    if (error instanceof TopologyError || error instanceof MachineArgumentError)
      command.error(error.message, { exitCode: 1 });
    if (error instanceof ConfigError) command.error(error.message, { exitCode: 2 });
    throw error;
  }
}

/** Adds `topology`: what the driver knows of a machine's CPUs. */
export function addTopologyCommand(program: Command): void {
  const topology = declareCommand(program, 'topology');
  topology
    .option('--sysfs <folder>', 'a folder with sys/ in it; default: HOST_ROOT or /')
    .addOption(
      new Option('-o, --output <form>', 'what to print').choices(['table', 'json', 'yaml', 'svg']).default('table'),
    )
    .option('--problems', 'read every file and list all that contradict each other')
    .addOption(
      new Option('--machine <machine>', `show another machine: ${MACHINE_ARGUMENT_HELP}`).conflicts([
        'sysfs',
        'problems',
      ]),
    )
    .option('--list-machines', 'list the well-known machines by name')
    .action((options: TopologyOptions) => runTopology(options, topology));
}
