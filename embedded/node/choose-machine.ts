import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { GivenMachine } from '../../src/cli/machine-argument.ts';
import type { CpuSet } from '../../src/cpuset/cpu-set.ts';
import { parseCpuList } from '../../src/cpuset/parse.ts';
import { readTopology } from '../../src/sysfs/read-topology.ts';
import type { CpuTopology } from '../../src/topology/topology.ts';
import { writeMachine } from '../machine/write-machine.ts';

/** The machine an embedded node is on. */
export interface EmbeddedMachine {
  /** What the driver is to be told as HOST_ROOT. */
  readonly hostRoot: string;
  readonly topology: CpuTopology;
  /** The CPUs that containers may have: of this machine those that this process may use. */
  readonly usable: CpuSet;
  /** Whether it is only described: containers are simulated then. */
  readonly isDescribed: boolean;
}

/** The CPUs that this process may use (proc(5), Cpus_allowed_list). */
function readAllowedCpus(): CpuSet {
  const status = readFileSync('/proc/self/status', 'utf8');
  return parseCpuList(/^Cpus_allowed_list:\s*(\S*)$/m.exec(status)?.[1] ?? '');
}

/**
 * This machine when none is given, else the one of a folder, or a described one, whose files are written below `directory`.
 * @throws TopologyError for a folder without a machine.
 */
export function chooseMachine(given: GivenMachine | undefined, directory: string): EmbeddedMachine {
  if (given === undefined) {
    const topology = readTopology({ hostRoot: '/', pcieRoots: false });
    return { hostRoot: '/', topology, usable: topology.online.intersection(readAllowedCpus()), isDescribed: false };
  }
  const hostRoot = 'folder' in given ? resolve(given.folder) : join(directory, 'host');
  if ('topology' in given) writeMachine(hostRoot, given.topology);
  const topology = readTopology({ hostRoot, pcieRoots: false });
  return { hostRoot, topology, usable: topology.online, isDescribed: true };
}
