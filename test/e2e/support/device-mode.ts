import assert from 'node:assert/strict';
import type { V1Device } from '@kubernetes/client-node';

/** How the driver publishes CPUs: one device a CPU, or one a group with the CPUs as its capacity. */
export type DeviceMode = 'individual' | 'numanode' | 'socket' | 'machine' | 'l3cache';

const DEVICE_NAMES: readonly (readonly [DeviceMode, RegExp])[] = [
  ['individual', /^cpudev\d+$/],
  ['numanode', /^cpudevnuma\d+$/],
  ['socket', /^cpudevsocket\d+$/],
  ['machine', /^cpudevmachine$/],
  ['l3cache', /^cpudevl3cache\d+$/],
];

/** The mode that the published devices show. */
export function readDeviceMode(devices: readonly V1Device[]): DeviceMode {
  assert.ok(devices.length > 0, 'the driver has published no device for the node');
  const found = DEVICE_NAMES.find(([, pattern]) => devices.every(({ name }) => pattern.test(name)));
  assert.ok(found, `devices of no known mode: ${devices.map(({ name }) => name).join(' ')}`);
  return found[0];
}

/** An attribute's value, whatever its type. */
export function attribute(device: V1Device, name: string): number | string | boolean | undefined {
  const value = device.attributes?.[name];
  return value?._int ?? value?.string ?? value?.bool ?? value?.version;
}

/** How many CPUs each device stands for. */
export function cpusOfDevices(mode: DeviceMode, devices: readonly V1Device[]): number[] {
  return devices.map((device) => (mode === 'individual' ? 1 : Number(device.capacity?.['dra.cpu/cpu']?.value)));
}

/** How many CPUs the devices stand for. */
export function countCpus(mode: DeviceMode, devices: readonly V1Device[]): number {
  return cpusOfDevices(mode, devices).reduce((sum, cpus) => sum + cpus, 0);
}
