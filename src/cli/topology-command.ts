import { type Command, Option } from 'commander';
import { stringify } from 'yaml';
import { ConfigError } from '../config/config-error.ts';
import { readHostRoot } from '../config/parse-config.ts';
import { readTopology, TopologyError } from '../sysfs/read-topology.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { topologyToJson } from '../topology/topology-json.ts';
import { drawTopology } from '../view/topology-svg.ts';
import { formatTopologyTable } from '../view/topology-table.ts';

/** The options of `dracpu topology`, as commander fills them in. */
interface TopologyOptions {
  readonly sysfs?: string;
  readonly output: 'table' | 'json' | 'yaml' | 'svg';
  readonly problems?: boolean;
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

function runTopology(options: TopologyOptions, command: Command): void {
  try {
    const hostRoot = options.sysfs ?? readHostRoot(process.env);
    const topology = readTopology({ hostRoot, pcieRoots: true, checkEveryFile: options.problems ?? false });
    process.stdout.write(formatTopology(topology, options));
  } catch (error) {
    if (error instanceof TopologyError) command.error(error.message, { exitCode: 1 });
    if (error instanceof ConfigError) command.error(error.message, { exitCode: 2 });
    throw error;
  }
}

/** Adds `topology`: what the driver knows of a machine's CPUs. */
export function addTopologyCommand(program: Command): void {
  const topology = program.command('topology').description("show the machine's sockets, NUMA nodes, caches and cores");
  topology
    .option('--sysfs <folder>', 'a folder with sys/ in it; default: HOST_ROOT or /')
    .addOption(
      new Option('-o, --output <form>', 'what to print').choices(['table', 'json', 'yaml', 'svg']).default('table'),
    )
    .option('--problems', 'read every file and list all that contradict each other')
    .action((options: TopologyOptions) => runTopology(options, topology));
}
