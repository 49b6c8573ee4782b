import type { CpuSet } from '../cpuset/cpu-set.ts';
import type { NumaNode, PcieRoot } from '../topology/topology.ts';
import type { SysfsReader } from './sysfs-reader.ts';
import { readFirstSet } from './topology-directory.ts';
import { BUS_SET_FILES, DEVICE_SET_FILES } from './topology-files.ts';

/** A root's directory: domain of four digits or more (Intel VMD starts at 10000), bus of two. */
const ROOT_NAME = /^pci([0-9a-f]{4,8}:[0-9a-f]{2})$/;

/** A device or bridge on a bus, `0000:00:1f.3`. */
const DEVICE_NAME = /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/;

/** A root complex and its directory relative to /sys. */
interface RootDirectory {
  readonly pcieRoot: string;
  readonly directory: string;
}

/**
 * Every root: those at the top of /sys/devices, and those that the list of buses finds below another device (Intel VMD) or
 * platform (Arm). A bus is a root's when its directory is `pciDDDD:BB/pci_bus/DDDD:BB`.
 */
function findRoots(reader: SysfsReader): RootDirectory[] {
  const roots = new Map<string, string>();
  for (const name of reader.listDirectory('devices')) {
    if (ROOT_NAME.test(name)) roots.set(name, `devices/${name}`);
  }
  for (const bus of reader.listDirectory('class/pci_bus')) {
    const link = reader.readLink(`class/pci_bus/${bus}`);
    const directory = link?.replace(/^(\.\.\/)*/, '').replace(/\/pci_bus\/[^/]*$/, '');
    if (directory?.endsWith(`/pci${bus}`)) roots.set(`pci${bus}`, directory);
  }
  return [...roots]
    .map(([pcieRoot, directory]) => ({ pcieRoot, directory }))
    .sort((a, b) => (a.pcieRoot < b.pcieRoot ? -1 : 1));
}

/** The node whose CPUs these are, where that is certain: on a machine with one node every set is that node's. */
function findNode(nodes: readonly NumaNode[], cpus: CpuSet): number | undefined {
  const populated = nodes.filter((node) => !node.cpus.isEmpty);
  return populated.length < 2 ? undefined : populated.find((node) => node.cpus.equals(cpus))?.numaNode;
}

/** What the root and the devices on it say of their place. */
function readRoot(
  reader: SysfsReader,
  { pcieRoot, directory }: RootDirectory,
  { online, nodes }: { readonly online: CpuSet; readonly nodes: readonly NumaNode[] },
): PcieRoot {
  const devices = reader
    .listDirectory(directory)
    .filter((name) => DEVICE_NAME.test(name))
    .sort();
  const bus = `${directory}/pci_bus/${pcieRoot.slice('pci'.length)}`;
  const nodeIds = devices.map((device) => () => reader.readId(`${directory}/${device}/numa_node`));
  const numaNode = firstKnown(nodeIds);
  const node = nodes.find((one) => one.numaNode === numaNode);
  const local =
    readFirstSet(reader, { directory: bus, files: BUS_SET_FILES }) ??
    firstKnown(
      devices.map(
        (device) => () => readFirstSet(reader, { directory: `${directory}/${device}`, files: DEVICE_SET_FILES }),
      ),
    );
  // An empty list is what a root has whose node is offline altogether; a root without a node is local to all CPUs.
  const cpus = (local?.cpus ?? node?.cpus ?? online).intersection(online);
  return { pcieRoot, cpus, numaNode: node?.numaNode ?? findNode(nodes, cpus) };
}

/** The first answer that is not undefined; later questions are not asked. */
function firstKnown<T>(questions: readonly (() => T | undefined)[]): T | undefined {
  for (const ask of questions) {
    const answer = ask();
    if (answer !== undefined) return answer;
  }
  return undefined;
}

/** Reads the PCIe root complexes with their local CPUs, in order of their names. */
export function readPcieRoots(
  reader: SysfsReader,
  place: { readonly online: CpuSet; readonly nodes: readonly NumaNode[] },
): PcieRoot[] {
  return findRoots(reader).map((root) => readRoot(reader, root, place));
}
