import { readFile } from 'node:fs/promises';
import { type PodCpus, readPodCpus } from '../cgroup/pod-cpus.ts';
import type { Config } from '../config/config.ts';
import type { CpuSet } from '../cpuset/cpu-set.ts';
import { enumerateDevices, withoutDevices } from '../devices/device.ts';
import type { Machine } from '../devices/machine.ts';
import { errorText } from '../lib/log.ts';
import { loadSysfsOverlay, SysfsOverlayError, type SysfsOverlay } from '../sysfs/overlay.ts';
import { type ReadTopologyOptions, readTopology, TopologyError } from '../sysfs/read-topology.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { CodedError } from '../lib/coded-error.ts';
import { quote } from '../lib/quote.ts';

/** The name under which the scheduler, the kubelet and claims know this driver. */
export const DRIVER_NAME = 'dra.cpu';

/** Why there is no machine to work on. */
export type MachineErrorCode = 'UnreadableOverlay' | 'UnusableTopology' | 'NoDevices';

/** The machine, as configured, gives no devices: the daemon cannot start. */
export class MachineError extends CodedError<MachineErrorCode> {
  override readonly name = 'MachineError';
}

/**
 * Reads the file of `--sysfs-overlay`, undefined when none is configured.
 * @throws MachineError `UnreadableOverlay` with the file's name.
 */
export async function readOverlay({ sysfsOverlay }: Config): Promise<SysfsOverlay | undefined> {
  if (sysfsOverlay === undefined) return undefined;
  try {
    return loadSysfsOverlay(await readFile(sysfsOverlay, 'utf8'));
  } catch (error) {
    const reason = error instanceof SysfsOverlayError ? error.message : `Cannot read it: ${errorText(error)}`;
    const message = `Cannot start dracpu: sysfs overlay ${quote(sysfsOverlay)}: ${reason}`;
    throw new MachineError('UnreadableOverlay', message, { cause: error });
  }
}

/** How the machine's topology is read. Claims may ask for CPUs near a PCIe root, whether or not slices tell of them. */
export function topologyOptions({ hostRoot }: Config, overlay: SysfsOverlay | undefined): ReadTopologyOptions {
  return { hostRoot, pcieRoots: true, ...(overlay === undefined ? {} : { overlay }) };
}

/** The reserved CPUs that a machine has: one configuration may serve machines of several sizes. */
export function findReserved({ reservedCpus }: Config, { online, offline }: CpuTopology): CpuSet {
  return reservedCpus.intersection(online.union(offline));
}

/** The machine's topology, the overlay laid over it. */
function readConfiguredTopology(config: Config, overlay: SysfsOverlay | undefined): CpuTopology {
  try {
    return readTopology(topologyOptions(config, overlay));
  } catch (error) {
    if (!(error instanceof TopologyError)) throw error;
    throw new MachineError('UnusableTopology', `Cannot start dracpu: ${error.message}`, { cause: error });
  }
}

/**
 * The node with a topology as the configuration makes devices of it.
 * @param podCpus the CPUs that containers of pods can have; undefined where that is no limit.
 */
export function toMachine(config: Config, topology: CpuTopology, podCpus?: CpuSet): Machine {
  const devices = enumerateDevices(topology, config.deviceMode, config.reservedCpus, { ...config, podCpus });
  return { driverName: DRIVER_NAME, pool: config.nodeName, topology, devices };
}

/**
 * The node while so many of its CPUs are offline that the shared pool needs all others: claims keep what they have, and no new
 * one gets any.
 */
export function toExhaustedMachine(config: Config, topology: CpuTopology, podCpus?: CpuSet): Machine {
  const devices = withoutDevices(topology, config.deviceMode, config.reservedCpus, { podCpus });
  return { driverName: DRIVER_NAME, pool: config.nodeName, topology, devices };
}

/**
 * Reads the machine.
 * @throws MachineError when no CPU can be placed, or when none is left to give; DeviceError when `sharedPoolMinCPUs` leaves none.
 */
export function readMachine(config: Config, overlay: SysfsOverlay | undefined): Machine {
  const podCpus = readPodCpus(config.hostRoot);
  const machine = toMachine(config, readConfiguredTopology(config, overlay), podCpus?.cpus);
  if (machine.devices.devices.length > 0) return machine;
  throw new MachineError(
    'NoDevices',
    `Cannot start dracpu: there is no CPU to give to claims: ${explainNoDevices(config, machine, podCpus)}`,
  );
}

function explainNoDevices(
  { reservedCpus, deviceMode }: Config,
  machine: Machine,
  podCpus: PodCpus | undefined,
): string {
  const { topology, devices } = machine;
  if (deviceMode.kind === 'grouped' && deviceMode.groupBy === 'l3cache' && topology.l3Caches.length === 0) {
    return 'the machine tells of no L3 cache, set groupBy to "numanode" instead of "l3cache"';
  }
  const left = `reservedCPUs ${quote(reservedCpus.toString())} leaves none of the CPUs`;
  if (podCpus === undefined || devices.outside.isEmpty) return `${left} ${topology.online}`;
  return `${left} ${podCpus.cpus} that the cgroup of pods has (${podCpus.directories.join(', ')})`;
}
