import { describeMachine } from '../../../embedded/machine/describe-machine.ts';
import { parseSynthetic } from '../../topology/synthetic.ts';
import type { CpuTopology } from '../../topology/topology.ts';
import { type ReadTopologyOptions, readTopologyFrom } from '../read-topology.ts';
import { CACHE_SET_FILES, NODE_SET_FILES, TOPOLOGY_FAMILIES } from '../topology-files.ts';
import { type MemoryTree, openMemorySysfs } from './memory-sysfs.ts';

/** Changes to a tree. Paths are relative to `sys/devices/system/`. */
export interface TreeEdits {
  /** Contents by path; undefined removes the file. A list of CPUs removes the masks that say the same, unless they are set too. */
  readonly set?: Readonly<Record<string, string | number | undefined>>;
  /** Files and links whose path matches are gone. */
  readonly remove?: RegExp;
}

const FAMILIES = [
  CACHE_SET_FILES,
  NODE_SET_FILES,
  ...Object.values(TOPOLOGY_FAMILIES).map(({ setFiles }) => setFiles),
] as const;

/** The masks that say what the list at this path says; none where it is no list. */
function masksBeside(path: string): string[] {
  const directory = path.slice(0, path.lastIndexOf('/') + 1);
  const isHere = ({ name, form }: { name: string; form: string }) => form === 'list' && path === `${directory}${name}`;
  const family = FAMILIES.find((files) => files.some(isHere)) ?? [];
  return family.filter(({ form }) => form === 'mask').map(({ name }) => `${directory}${name}`);
}

/** The sysfs of a machine in synthetic syntax, with changes. */
export function editMachine(machine: string | CpuTopology, { set = {}, remove }: TreeEdits): MemoryTree {
  const topology = typeof machine === 'string' ? parseSynthetic(machine) : machine;
  const { files, links } = describeMachine(topology);
  const keep = ([path]: readonly [string, string]) => !remove?.test(path.replace('sys/devices/system/', ''));
  const edited = new Map([...files].filter(keep));
  for (const path of Object.keys(set).flatMap(masksBeside)) edited.delete(`sys/devices/system/${path}`);
  for (const [path, text] of Object.entries(set)) {
    if (text === undefined) edited.delete(`sys/devices/system/${path}`);
    else edited.set(`sys/devices/system/${path}`, `${text}\n`);
  }
  return { files: edited, links: new Map([...links].filter(keep)) };
}

/** Reads a tree as the daemon would, PCIe roots included. */
export function readTree(tree: MemoryTree, options: Partial<ReadTopologyOptions> = {}): CpuTopology {
  return readTopologyFrom(openMemorySysfs(tree), { hostRoot: '/', pcieRoots: true, ...options });
}

/** Reads the sysfs of a machine with changes. */
export function readEdited(machine: string | CpuTopology, edits: TreeEdits): CpuTopology {
  return readTree(editMachine(machine, edits));
}

/** CPU lists of groups, "0-3 4-7". */
export function listsOf(groups: readonly { readonly cpus: { toString(): string } }[]): string {
  return groups.map(({ cpus }) => cpus.toString()).join(' ');
}
