import type { CpuSet } from '../cpuset/cpu-set.ts';
import { type Device, type DeviceMode, type DeviceOptions, type DeviceTable, nameDevice } from './device.ts';

/** Device by CPU. */
export type CpuNames = ReadonlyMap<number, string>;

/** CPUs of a claim under the name of the device that it was allocated. */
export interface HeldDevice {
  readonly device: string;
  readonly cpus: CpuSet;
}

/**
 * What begins the names of devices that are numbered one after the other; undefined where the kernel's ids are their numbers. The
 * ordinals count online CPUs: the kernel tells of an offline CPU neither its core nor its caches, so that the ordinals of the
 * others cannot be known from sysfs while it is offline.
 */
export function ordinalPrefix(mode: DeviceMode): string | undefined {
  if (mode.kind === 'individual') return 'cpudev';
  return mode.groupBy === 'l3cache' ? 'cpudevl3cache' : undefined;
}

/** The configuration by which CPUs are numbered, as one text: names of one configuration mean nothing in another. */
export function describeNaming(mode: DeviceMode, reserved: CpuSet, options: DeviceOptions): string {
  const { sharedPoolMinCpus = 0, fullPhysicalCores = false } = options;
  const by = mode.kind === 'individual' ? 'individual' : mode.groupBy;
  return `${by}, reserved ${reserved}, shared ${sharedPoolMinCpus}, whole cores ${fullPhysicalCores}`;
}

/** The names of a table's devices by CPU. */
export function listNames({ devices }: DeviceTable): Map<number, string> {
  return new Map(devices.flatMap(({ name, cpus }) => cpus.toArray().map((cpu) => [cpu, name] as const)));
}

/**
 * The same devices under the names that their CPUs had before, so that a claim that was allocated by a name means the same CPUs when
 * others go offline. Devices of CPUs without a name get one that none has.
 */
export function keepNames(table: DeviceTable, names: CpuNames): DeviceTable {
  const known = table.devices.map(({ cpus }) =>
    cpus
      .toArray()
      .map((cpu) => names.get(cpu))
      .find((name) => name !== undefined),
  );
  const taken = new Set(names.values());
  const kept = new Set<string>();
  const devices = table.devices.map((device, index): Device => {
    const name = known[index];
    if (name !== undefined && !kept.has(name)) {
      kept.add(name);
      return { ...device, name };
    }
    const prefix = device.name.replace(/\d+$/, '');
    let free = device.name;
    for (let number = index; taken.has(free); number += 1) free = nameDevice(prefix, number);
    taken.add(free);
    return { ...device, name: free };
  });
  return { ...table, devices, byName: new Map(devices.map((device) => [device.name, device])) };
}

/** What is known of the devices' names of before the driver was started. */
export interface EarlierNames {
  /** As they were noted, in the same configuration. */
  readonly noted: CpuNames;
  /** What claims hold. */
  readonly held: readonly HeldDevice[];
}

/**
 * The devices under their names of before the driver was started, and all names that are in use, those of offline CPUs among them.
 *
 * With every CPU online the names are the reference's, unless a claim holds CPUs under another name: claims that were allocated while
 * CPUs were offline keep theirs until they are over.
 */
export function restoreNames(
  table: DeviceTable,
  { noted, held }: EarlierNames,
  { isWhole }: { readonly isWhole: boolean },
): { readonly devices: DeviceTable; readonly names: Map<number, string> } {
  const prefix = ordinalPrefix(table.mode);
  const fresh = listNames(table);
  if (prefix === undefined) return { devices: table, names: fresh };
  const isOrdinal = ({ device }: HeldDevice) => device.startsWith(prefix) && /^\d+$/.test(device.slice(prefix.length));
  const heldNames = held
    .filter(isOrdinal)
    .flatMap(({ device, cpus }) => cpus.toArray().map((cpu) => [cpu, device] as const));
  const agrees = heldNames.every(([cpu, name]) => (fresh.get(cpu) ?? name) === name);
  if (isWhole && agrees) return { devices: table, names: fresh };
  const names = new Map([...noted, ...heldNames]);
  const devices = keepNames(table, names);
  return { devices, names: new Map([...names, ...listNames(devices)]) };
}
