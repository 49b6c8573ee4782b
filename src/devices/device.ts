import { CpuSet } from '../cpuset/cpu-set.ts';
import type { Cpu, CpuTopology, L3Cache } from '../topology/topology.ts';
import { keepForSharedPool } from './keep-shared.ts';

/** How CPUs become devices: one device a CPU, or one device a group with the CPUs as consumable capacity. */
export type DeviceMode =
  | { readonly kind: 'individual' }
  | { readonly kind: 'grouped'; readonly groupBy: 'numanode' | 'socket' | 'machine' | 'l3cache' };

/** What is not given to claims, or not in any portion. */
export interface DeviceOptions {
  /** CPUs that the kernel lets containers of pods have; undefined where that is no limit. */
  readonly podCpus?: CpuSet | undefined;
  /** CPUs that containers without a claim always keep, reserved ones not counted; default 0. */
  readonly sharedPoolMinCpus?: number;
  /** Claims get whole physical cores only; default false. */
  readonly fullPhysicalCores?: boolean;
  /** Whether claims on the machine device must name their CPUs or may leave them to the driver; default explicit. */
  readonly machinePlacement?: 'explicit' | 'auto';
}

/**
 * One device of a ResourceSlice. Every kind knows its allocatable CPUs (`cpus`, reserved ones left out), so that choosing
 * from a device is the same for all kinds.
 */
export type Device = {
  /** DNS label, unique on the node, e.g. `cpudevnuma000`. */
  readonly name: string;
  readonly cpus: CpuSet;
  /** CPUs are given in multiples of this: the threads of a core where whole cores are wanted and all have as many, else 1. */
  readonly step: number;
} & (
  | { readonly kind: 'numanode'; readonly numaNode: number; readonly socketId: number | undefined }
  | { readonly kind: 'socket'; readonly socketId: number | undefined }
  | {
      readonly kind: 'l3cache';
      readonly l3CacheId: number | undefined;
      readonly numaNode: number | undefined;
      readonly socketId: number | undefined;
    }
  | { readonly kind: 'machine' }
  | { readonly kind: 'cpu'; readonly cpu: Cpu; readonly l3CacheId: number | undefined }
);

/** The node's devices, in published order. */
export interface DeviceTable {
  readonly mode: DeviceMode;
  readonly devices: readonly Device[];
  readonly byName: ReadonlyMap<string, Device>;
  /** The CPUs of all devices. */
  readonly allocatable: CpuSet;
  readonly reserved: CpuSet;
  /** Online CPUs that no container of a pod can have, whatever it is given. */
  readonly outside: CpuSet;
  /** Online CPUs that are neither reserved, outside, nor of a device: only containers without a claim use them. */
  readonly sharedOnly: CpuSet;
  /** Claims get whole physical cores only. */
  readonly fullPhysicalCores: boolean;
  /** Whether claims on the machine device must name their CPUs. */
  readonly machinePlacement: 'explicit' | 'auto';
}

/** Highest number that fits the three digits of a device name. */
const NAME_NUMBER_MAX = 999;

/**
 * Gives each group of a kind its number in the device name: the kernel's id, as the reference does, or, where that is
 * unknown, negative, over three digits or an earlier group's, the lowest number no other group has from its position upwards.
 */
function numberGroups(ids: readonly (number | undefined)[]): number[] {
  const fits = (id: number | undefined): id is number => id !== undefined && id >= 0 && id <= NAME_NUMBER_MAX;
  const taken = new Set(ids.filter(fits));
  return ids.map((id, position) => {
    if (fits(id) && ids.indexOf(id) === position) return id;
    let number = position;
    while (taken.has(number)) number += 1;
    taken.add(number);
    return number;
  });
}

/** The kernel's id of a cache, or as in the reference its lowest CPU where there is none (most ARM machines). */
function identifyL3({ l3CacheId, cpus }: L3Cache): number | undefined {
  return l3CacheId ?? cpus.first;
}

/** A device's name: the kind and three digits, more where the number has more. */
export function nameDevice(prefix: string, number: number): string {
  return `${prefix}${String(number).padStart(3, '0')}`;
}

/** A device before it is known how many CPUs of it claims get at a time. */
type UnsteppedDevice = Device extends infer One ? (One extends Device ? Omit<One, 'step'> : never) : never;

/** Individual devices: the threads of a core next to each other, cores in order of their lowest allocatable CPU. */
function enumerateCpus(topology: CpuTopology, allocatable: CpuSet): UnsteppedDevice[] {
  const l3CacheIds = new Map(topology.l3Caches.map((l3) => [l3.l3Cache, identifyL3(l3)]));
  const cpus = new Map(topology.cpus.map((cpu) => [cpu.cpu, cpu]));
  const cores = topology.cores
    .map((core) => core.cpus.intersection(allocatable))
    .filter((threads) => !threads.isEmpty)
    .sort((a, b) => (a.first ?? 0) - (b.first ?? 0));
  return cores
    .flatMap((threads) => threads.toArray())
    .flatMap((id) => cpus.get(id) ?? [])
    .map((cpu, number) => ({
      kind: 'cpu',
      name: nameDevice('cpudev', number),
      cpus: CpuSet.of(cpu.cpu),
      cpu,
      l3CacheId: cpu.l3Cache === undefined ? undefined : l3CacheIds.get(cpu.l3Cache),
    }));
}

/** What all CPUs of a group have in common; undefined where they differ: a group is not in one of several nodes. */
function findCommon<Value>(cpus: readonly Cpu[], valueOf: (cpu: Cpu) => Value): Value | undefined {
  const values = new Set(cpus.map(valueOf));
  const [value] = values;
  return values.size === 1 ? value : undefined;
}

/**
 * Grouped devices before reserved CPUs are taken out: every group of the kind, even one that ends up empty. The node and the socket
 * of a device are those of its allocatable CPUs.
 */
function enumerateGroups(
  topology: CpuTopology,
  groupBy: (DeviceMode & { kind: 'grouped' })['groupBy'],
  allocatable: CpuSet,
): UnsteppedDevice[] {
  const cpuById = new Map(topology.cpus.map((cpu) => [cpu.cpu, cpu]));
  const membersOf = (cpus: CpuSet) =>
    cpus
      .intersection(allocatable)
      .toArray()
      .flatMap((cpu) => cpuById.get(cpu) ?? []);
  switch (groupBy) {
    case 'numanode': {
      const nodes = topology.numaNodes.filter((node) => !node.cpus.isEmpty);
      const numbers = numberGroups(nodes.map((node) => node.numaNode));
      return nodes.map(({ numaNode, cpus }, index) => ({
        kind: 'numanode',
        name: nameDevice('cpudevnuma', numbers[index] ?? index),
        cpus,
        numaNode,
        socketId: findCommon(membersOf(cpus), ({ socketId }) => socketId),
      }));
    }
    case 'socket': {
      const numbers = numberGroups(topology.sockets.map((socket) => socket.socketId));
      return topology.sockets.map(({ socketId, cpus }, index) => ({
        kind: 'socket',
        name: nameDevice('cpudevsocket', numbers[index] ?? index),
        cpus,
        socketId,
      }));
    }
    case 'l3cache':
      return topology.l3Caches.map((l3) => ({
        kind: 'l3cache',
        name: nameDevice('cpudevl3cache', l3.l3Cache),
        cpus: l3.cpus,
        l3CacheId: identifyL3(l3),
        numaNode: findCommon(membersOf(l3.cpus), ({ numaNode }) => numaNode),
        socketId: findCommon(membersOf(l3.cpus), ({ socketId }) => socketId),
      }));
    case 'machine':
      return [{ kind: 'machine', name: 'cpudevmachine', cpus: topology.online }];
  }
}

/** Without cores of which a part is left out, where claims get whole ones only. */
function keepCores(topology: CpuTopology, cpus: CpuSet, { fullPhysicalCores = false }: DeviceOptions): CpuSet {
  if (!fullPhysicalCores) return cpus;
  return CpuSet.unionOf(topology.cores.filter((core) => core.cpus.isSubsetOf(cpus)).map((core) => core.cpus));
}

function findOutside({ online }: CpuTopology, { podCpus }: DeviceOptions): CpuSet {
  return podCpus === undefined ? CpuSet.empty : online.difference(podCpus);
}

/** The threads that every core of the CPUs has, or 1 where cores differ. */
function findThreadsPerCore(topology: CpuTopology, cpus: CpuSet): number {
  const sizes = new Set(topology.cores.filter((core) => core.cpus.intersects(cpus)).map((core) => core.cpus.size));
  const [size = 1] = sizes;
  return sizes.size === 1 ? size : 1;
}

/**
 * The devices of a machine. Names, order and contents are the reference driver's (kubernetes-sigs/dra-driver-cpu at
 * de98098) so that claims allocated by one are understood by the other; groups left without CPUs are not published.
 * @throws DeviceError when `sharedPoolMinCpus` would leave nothing for claims.
 */
export function enumerateDevices(
  topology: CpuTopology,
  mode: DeviceMode,
  reserved: CpuSet,
  options: DeviceOptions = {},
): DeviceTable {
  const { fullPhysicalCores = false, machinePlacement = 'explicit', sharedPoolMinCpus = 0 } = options;
  const outside = findOutside(topology, options);
  const kept = keepForSharedPool(topology, reserved.union(outside), sharedPoolMinCpus);
  const numbered = keepCores(topology, topology.online.difference(reserved).difference(kept), options);
  const given = keepCores(topology, numbered.difference(outside), options);
  // CPUs outside are counted too, so that no name means another CPU when the limit changes.
  const devices = (
    mode.kind === 'individual' ? enumerateCpus(topology, numbered) : enumerateGroups(topology, mode.groupBy, given)
  )
    .map((device) => ({ ...device, cpus: device.cpus.intersection(given) }))
    .filter((device) => !device.cpus.isEmpty)
    .map((device): Device => ({ ...device, step: fullPhysicalCores ? findThreadsPerCore(topology, device.cpus) : 1 }));
  const allocatable = CpuSet.unionOf(devices.map((device) => device.cpus));
  return {
    mode,
    devices,
    byName: new Map(devices.map((device) => [device.name, device])),
    allocatable,
    reserved: reserved.intersection(topology.online),
    outside,
    sharedOnly: topology.online.difference(reserved).difference(outside).difference(allocatable),
    fullPhysicalCores,
    machinePlacement,
  };
}

/** The same machine with nothing to give to claims: what is not reserved is for containers without one. */
export function withoutDevices(
  topology: CpuTopology,
  mode: DeviceMode,
  reserved: CpuSet,
  options: Pick<DeviceOptions, 'podCpus'> = {},
): DeviceTable {
  const outside = findOutside(topology, options);
  return {
    mode,
    devices: [],
    byName: new Map(),
    allocatable: CpuSet.empty,
    reserved: reserved.intersection(topology.online),
    outside,
    sharedOnly: topology.online.difference(reserved).difference(outside),
    fullPhysicalCores: false,
    machinePlacement: 'explicit',
  };
}
