import type { DeviceMode } from '../devices/device.ts';
import type { LogFields } from '../lib/log.ts';
import { optionRows, type Settings } from './options.ts';

/** What the daemon runs with: every option, checked, the two of the device mode joined. */
export type Config = Omit<Settings, 'cpuDeviceMode' | 'groupBy'> & { readonly deviceMode: DeviceMode };

/** Joins the settings that belong together. */
export function toConfig({ cpuDeviceMode, groupBy, ...settings }: Settings): Config {
  const deviceMode: DeviceMode = cpuDeviceMode === 'individual' ? { kind: 'individual' } : { kind: 'grouped', groupBy };
  return { ...settings, deviceMode };
}

/** An address as people write it, "" for none. */
function writeAddress(address: Config['bindAddress']): string {
  if (!address) return '';
  const { host = '', port } = address;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The effective configuration as the fields of one log line, under the names that people set. */
export function describeConfig({ deviceMode, ...settings }: Config): LogFields {
  const values: Readonly<Record<string, unknown>> = {
    ...settings,
    cpuDeviceMode: deviceMode.kind,
    groupBy: deviceMode.kind === 'grouped' ? deviceMode.groupBy : undefined,
    bindAddress: writeAddress(settings.bindAddress),
    reservedCpus: settings.reservedCpus.toString(),
  };
  return Object.fromEntries(
    optionRows.map(([name, { key, flag, environment }]) => [key ?? flag ?? environment ?? name, values[name]]),
  );
}
