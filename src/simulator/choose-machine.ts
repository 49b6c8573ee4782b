import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { CpuSet } from '../cpuset/cpu-set.ts';
import { parseCpuList } from '../cpuset/parse.ts';
import { readTopology } from '../sysfs/read-topology.ts';
import { parseSynthetic } from '../topology/synthetic.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { writeMachine } from './machine.ts';

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

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * This machine when `description` is undefined, else the one of a folder with `sys/` in it, or one described by hwloc's words
 * ("pack:2 core:4"), whose files are written below `directory`.
 * @throws SyntheticError for a description that makes no machine, TopologyError for a folder without one.
 */
export function chooseMachine(description: string | undefined, directory: string): EmbeddedMachine {
  if (description === undefined) {
    const topology = readTopology({ hostRoot: '/', pcieRoots: false });
    return { hostRoot: '/', topology, usable: topology.online.intersection(readAllowedCpus()), isDescribed: false };
  }
  const isFolder = description.includes('/') || isDirectory(description);
  const hostRoot = isFolder ? resolve(description) : join(directory, 'host');
  if (!isFolder) writeMachine(hostRoot, parseSynthetic(description));
  const topology = readTopology({ hostRoot, pcieRoots: false });
  return { hostRoot, topology, usable: topology.online, isDescribed: true };
}
