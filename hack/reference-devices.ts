/** What the documentation shows of devices and opaque parameters, made by the program itself for one described machine. */
import { stringify } from 'yaml';
import { describeParameters, OpaqueParametersError, parseOpaqueParameters } from '../src/claims/opaque-parameters.ts';
import { CpuSet } from '../src/cpuset/cpu-set.ts';
import { type DeviceMode, type DeviceOptions, type DeviceTable, enumerateDevices } from '../src/devices/device.ts';
import { type SliceDeviceOptions, toSliceDevice } from '../src/devices/slice-device.ts';
import { parseSynthetic } from '../src/topology/synthetic.ts';
import type { CpuTopology } from '../src/topology/topology.ts';

/** The machine of every example: two sockets, each one NUMA node of two L3 caches of four cores with two threads. */
const EXAMPLE_MACHINE = 'pack:2 numa:1 l3:2 core:4 pu:2';

/** The machine with a PCIe root near each socket. */
export function describeExampleMachine(): CpuTopology {
  const topology = parseSynthetic(EXAMPLE_MACHINE);
  const pcieRoots = topology.numaNodes.map(({ numaNode, cpus }) => ({
    pcieRoot: `pci0000:${numaNode === 0 ? '00' : '80'}`,
    cpus,
    numaNode,
  }));
  return { ...topology, pcieRoots };
}

/** The devices of the machine, CPU 0 and its sibling reserved. */
export function enumerateExampleDevices(mode: DeviceMode, options: DeviceOptions = {}): DeviceTable {
  return enumerateDevices(describeExampleMachine(), mode, CpuSet.of(0, 16), options);
}

/** The first device of a mode as YAML. */
function formatDevice(mode: DeviceMode, options: Partial<SliceDeviceOptions> & DeviceOptions = {}): string {
  const [device] = enumerateExampleDevices(mode, options).devices;
  if (!device) throw new RangeError('The machine has no device');
  const shown = toSliceDevice(device, describeExampleMachine(), { exposePcieRoots: true, ...options });
  return `\`\`\`yaml\n${stringify([shown]).trimEnd()}\n\`\`\``;
}

/** Sections of docs/reference/attributes.md, by name. */
export function formatDeviceSections(): ReadonlyMap<string, string> {
  const grouped = (groupBy: 'numanode' | 'socket' | 'machine' | 'l3cache'): DeviceMode => ({
    kind: 'grouped',
    groupBy,
  });
  return new Map([
    ['numanode', formatDevice(grouped('numanode'))],
    ['socket', formatDevice(grouped('socket'))],
    ['l3cache', formatDevice(grouped('l3cache'))],
    ['machine', formatDevice(grouped('machine'))],
    ['individual', formatDevice({ kind: 'individual' })],
    ['whole-cores', formatDevice(grouped('numanode'), { fullPhysicalCores: true, exposePcieRoots: false })],
    ['mapping', formatDevice(grouped('numanode'), { publishNodeAllocatable: true, exposePcieRoots: false })],
  ]);
}

/** What people get wrong in `cpuConfig`. */
const REFUSED: readonly unknown[] = [
  { placement: 'paked' },
  { fullPhysicalCore: true },
  { cpuset: '5-2' },
  { cpuset: '2-5', placement: 'spread' },
  { groupSize: 2 },
  { memoryNodes: 'near' },
  { sharedCPUs: 2 },
  { placement: 'one-thread-per-core', fullPhysicalCores: true },
];

function refusalOf(cpuConfig: unknown): string {
  try {
    parseOpaqueParameters({ apiVersion: 'v1alpha1', cpuConfig });
  } catch (error) {
    if (error instanceof OpaqueParametersError) return error.message;
    throw error;
  }
  throw new RangeError(`${JSON.stringify(cpuConfig)} is not refused`);
}

/** Rows of the tables of docs/reference/opaque-parameters.md. */
export function describeOpaqueParameters(): { keys: string[][]; refusals: string[][] } {
  return {
    keys: describeParameters().map(({ name, want, help }) => [`\`${name}\``, want, help]),
    refusals: REFUSED.map((cpuConfig) => [`\`${JSON.stringify(cpuConfig)}\``, refusalOf(cpuConfig)]),
  };
}
