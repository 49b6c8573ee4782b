import type { DeviceMode } from '../devices/device.ts';
import type { LogFields } from '../lib/log.ts';
import { options, type Settings } from './options.ts';

/** What the daemon runs with: every option, checked, the two of the device mode joined. */
export type Config = Omit<Settings, 'cpuDeviceMode' | 'groupBy'> & { readonly deviceMode: DeviceMode };

/** Joins the settings that belong together. */
export function toConfig({ cpuDeviceMode, groupBy, ...settings }: Settings): Config {
  const deviceMode: DeviceMode = cpuDeviceMode === 'individual' ? { kind: 'individual' } : { kind: 'grouped', groupBy };
  return { ...settings, deviceMode };
}

/** The effective configuration as the fields of one log line, under the names that people set. */
export function describeConfig({ deviceMode, ...settings }: Config): LogFields {
  const rows: Readonly<Record<string, { key?: string; flag?: string; environment?: string }>> = options;
  const fields: Record<string, unknown> = {
    cpuDeviceMode: deviceMode.kind,
    groupBy: deviceMode.kind === 'grouped' ? deviceMode.groupBy : undefined,
  };
  for (const [name, value] of Object.entries(settings)) {
    const row = rows[name];
    fields[row?.key ?? row?.flag ?? row?.environment ?? name] = value;
  }
  const { bindAddress } = settings;
  return {
    ...fields,
    bindAddress: bindAddress && `${bindAddress.host ?? ''}:${bindAddress.port}`,
    reservedCPUs: settings.reservedCpus.toString(),
  };
}
