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

/** Where the links of a directory of /sys lead, relative to /sys. */
function readLinks(reader: SysfsReader, directory: string): string[] {
  return reader
    .listDirectory(directory)
    .flatMap((name) => reader.readLink(`${directory}/${name}`)?.replace(/^(\.\.\/)*/, '') ?? []);
}

/** The roots that a path leads through, from the outermost on: one below another device comes after that one's. */
function rootsOnPath(path: string): RootDirectory[] {
  const parts = path.split('/');
  return parts.flatMap((pcieRoot, depth) =>
    ROOT_NAME.test(pcieRoot) ? [{ pcieRoot, directory: parts.slice(0, depth + 1).join('/') }] : [],
  );
}

/**
 * Every root: those at the top of /sys/devices, and those below another device (Intel VMD) or platform (Arm), which the list of
 * buses leads to, or where that is missing (copies of a sysfs often have the devices only) the list of devices.
 */
function findRoots(reader: SysfsReader): RootDirectory[] {
  const buses = readLinks(reader, 'class/pci_bus');
  const paths = [
    ...reader.listDirectory('devices').map((name) => `devices/${name}`),
    ...(buses.length > 0 ? buses : readLinks(reader, 'bus/pci/devices')),
  ];
  const roots = new Map(paths.flatMap(rootsOnPath).map(({ pcieRoot, directory }) => [pcieRoot, directory]));
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
