import { type CelDevice, toCelDevice } from '../cel/device-selector.ts';
import type { Device, NodeSelector, ResourceSlice } from '../objects.ts';

/** A device that can be allocated. */
export interface PoolDevice {
  /** "driver/pool/device": unique in the cluster. */
  readonly id: string;
  readonly driver: string;
  readonly pool: string;
  readonly device: Device;
  /** The one node that reaches it; undefined for a device of many nodes. */
  readonly nodeName: string | undefined;
  readonly nodeSelector: NodeSelector | undefined;
}

/** Devices of all pools whose newest generation is complete. */
export interface DevicePools {
  readonly devices: readonly PoolDevice[];
  /** "driver/pool" of pools that are being changed: nothing is allocated from them now. */
  readonly incompletePools: readonly string[];
}

/** One text per device of the cluster. */
export function deviceId(identity: { driver: string; pool: string; device: string }): string {
  return `${identity.driver}/${identity.pool}/${identity.device}`;
}

function devicesOfSlice(slice: ResourceSlice): PoolDevice[] {
  const { driver, pool, nodeName, nodeSelector, devices = [] } = slice.spec;
  return devices.map((device) => ({
    id: deviceId({ driver, pool: pool.name, device: device.name }),
    driver,
    pool: pool.name,
    device,
    nodeName,
    nodeSelector,
  }));
}

/** The devices that slices describe: only the newest generation of a pool counts, and only when all its slices exist. */
export function poolsOf(slices: readonly ResourceSlice[]): DevicePools {
  const pools = new Map<string, ResourceSlice[]>();
  for (const slice of slices) {
    const key = `${slice.spec.driver}/${slice.spec.pool.name}`;
    const known = pools.get(key) ?? [];
    const generation = known[0]?.spec.pool.generation ?? -1;
    if (slice.spec.pool.generation > generation) pools.set(key, [slice]);
    else if (slice.spec.pool.generation === generation) known.push(slice);
  }
  const devices: PoolDevice[] = [];
  const incompletePools: string[] = [];
  for (const [key, members] of [...pools].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (members.length === members[0]?.spec.pool.resourceSliceCount) devices.push(...members.flatMap(devicesOfSlice));
    else incompletePools.push(key);
  }
  return { devices, incompletePools };
}

const celDevices = new WeakMap<Device, CelDevice>();

/** A device as selectors take it; made once, since published devices never change in place. */
export function celDeviceOf(pooled: PoolDevice): CelDevice {
  const known = celDevices.get(pooled.device);
  if (known) return known;
  const { attributes = {}, capacity = {}, allowMultipleAllocations = false } = pooled.device;
  const cel = toCelDevice({ driver: pooled.driver, attributes, capacity, allowMultipleAllocations });
  celDevices.set(pooled.device, cel);
  return cel;
}
