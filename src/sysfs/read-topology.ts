import { buildTopology } from '../topology/build-topology.ts';
import type { MachineFacts } from '../topology/facts.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { readL3Caches } from './cache-facts.ts';
import { readECores } from './core-type-facts.ts';
import { checkEveryFile } from './check-files.ts';
import { readCpuLists } from './cpu-lists.ts';
import { readNumaNodes, reportSplitCores } from './node-facts.ts';
import type { SysfsOverlay } from './overlay.ts';
import { overlaySysfs } from './overlay-sysfs.ts';
import { readPcieRoots } from './pcie-facts.ts';
import { readTopologyGroups } from './read-groups.ts';
import { openSysfs, type Sysfs } from './sysfs.ts';
import { CPU_DIRECTORY, SysfsReader } from './sysfs-reader.ts';
import { openTopologyDirectories } from './topology-directory.ts';
import { CodedError } from '../lib/coded-error.ts';
import { quote } from '../lib/quote.ts';

/** Why a tree gives no topology. */
export type TopologyErrorCode = 'NoCpus' | 'NoTopology';

/** A sysfs tree that cannot be used at all. */
export class TopologyError extends CodedError<TopologyErrorCode> {
  override readonly name = 'TopologyError';
}

/** What to read. */
export interface ReadTopologyOptions {
  /** Prefix of /sys: `/` on the machine, the mount point of the host's root in a container. */
  readonly hostRoot: string;
  /** Whether to read the PCIe root complexes too. */
  readonly pcieRoots: boolean;
  /** Files to lay over the machine's. */
  readonly overlay?: SysfsOverlay;
  /** Whether to read every file there is, to find all that contradict each other; the topology is the same. */
  readonly checkEveryFile?: boolean;
}

function collectFacts(reader: SysfsReader, options: ReadTopologyOptions): MachineFacts {
  const fail = (code: TopologyErrorCode, why: string): never => {
    throw new TopologyError(code, `Cannot read the CPU topology under ${quote(options.hostRoot)}: ${why}`);
  };
  const lists = readCpuLists(reader);
  const { online } = lists;
  if (online.isEmpty) return fail('NoCpus', `no CPU in sys/${CPU_DIRECTORY}; want a folder with a Linux sysfs in it`);
  const directories = openTopologyDirectories(reader, online);
  if (!directories) {
    const example = `sys/${CPU_DIRECTORY}/cpu${online.first}/topology`;
    return fail('NoTopology', `none of the CPUs ${online} has a topology directory (${example})`);
  }
  const groups = readTopologyGroups({ reader, directories, online });
  if (groups.cores.length === 0) return fail('NoTopology', `no file tells the core of any of the CPUs ${online}`);
  const numaNodes = readNumaNodes(reader, online);
  reportSplitCores(reader, groups.cores, numaNodes);
  return {
    ...lists,
    ...groups,
    l3Caches: readL3Caches(reader, { online, cores: groups.cores }),
    numaNodes,
    eCores: readECores(reader, { online, ...groups }),
    pcieRoots: options.pcieRoots ? readPcieRoots(reader, { online, nodes: numaNodes }) : [],
    problems: reader.problems,
  };
}

/**
 * Reads the machine's topology. Contradictions and files that cannot be read are in its `problems`.
 * @throws TopologyError when no CPU can be placed.
 */
export function readTopology(options: ReadTopologyOptions): CpuTopology {
  const machine = openSysfs(options.hostRoot);
  return readTopologyFrom(options.overlay ? overlaySysfs(machine, options.overlay) : machine, options);
}

/** `readTopology` over a given sysfs. */
export function readTopologyFrom(sysfs: Sysfs, options: ReadTopologyOptions): CpuTopology {
  const reader = new SysfsReader(sysfs);
  const topology = buildTopology(collectFacts(reader, options));
  if (!options.checkEveryFile) return topology;
  checkEveryFile(reader, topology);
  return { ...topology, problems: reader.problems };
}
