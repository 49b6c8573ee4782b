import { CpuSet } from '../../cpuset/cpu-set.ts';
import { type DeviceMode, enumerateDevices } from '../../devices/device.ts';
import { type SliceDevice, toSliceDevice } from '../../devices/slice-device.ts';
import { parseSynthetic } from '../../topology/synthetic.ts';
import type { CpuTopology } from '../../topology/topology.ts';

/** A machine that has everything the driver publishes something of. */
function describeMachine(): CpuTopology {
  const topology = parseSynthetic('pack:2 numa:1 l3:2 core:2 pu:2');
  const pcieRoots = topology.numaNodes.map(({ numaNode, cpus }) => ({
    pcieRoot: `pci0000:${numaNode}0`,
    cpus,
    numaNode,
  }));
  return { ...topology, pcieRoots };
}

/** Every mode the driver can be in. */
export const DEVICE_MODES: readonly DeviceMode[] = [
  { kind: 'individual' },
  ...(['numanode', 'socket', 'l3cache', 'machine'] as const).map((groupBy) => ({ kind: 'grouped' as const, groupBy })),
];

/** What the driver publishes in a mode, for one machine. */
export function sampleDevices(mode: DeviceMode): readonly SliceDevice[] {
  const topology = describeMachine();
  const { devices } = enumerateDevices(topology, mode, CpuSet.empty);
  return devices.map((device) => toSliceDevice(device, topology, { exposePcieRoots: true }));
}

/** The attributes or capacities of the devices of a mode, by their full names. */
export function listNames(mode: DeviceMode, of: 'attributes' | 'capacity'): readonly string[] {
  return [...new Set(sampleDevices(mode).flatMap((device) => Object.keys(device[of] ?? {})))];
}
