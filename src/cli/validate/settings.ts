import { Command, CommanderError, Option } from 'commander';
import { options } from '../../config/options.ts';
import type { DeviceMode } from '../../devices/device.ts';

/** What the verdict on a manifest depends on and manifests cannot tell: how the driver is set up. */
export interface DriverSettings {
  /** Whether the driver lets containers of one pod share a claim (`claimSharing: pod`). */
  readonly claimSharing: 'none' | 'pod';
  /** Whether devices count as the node's `cpu` (`publishNodeAllocatableResourceMapping`), so that pods need not repeat it. */
  readonly nodeAllocatableMapping: boolean;
  readonly deviceMode: DeviceMode;
}

/** Settings as they are given on the command line or in a file; those that are not keep the driver's default. */
export interface GivenSettings {
  readonly claimSharing?: DriverSettings['claimSharing'];
  readonly nodeAllocatableMapping?: boolean;
  readonly cpuDeviceMode?: DeviceMode['kind'];
  readonly groupBy?: (DeviceMode & { kind: 'grouped' })['groupBy'];
}

const DEFAULTS: Required<GivenSettings> = {
  claimSharing: 'none',
  nodeAllocatableMapping: false,
  cpuDeviceMode: 'grouped',
  groupBy: 'numanode',
};

/** Adds the options that say how the driver is set up, without defaults: what is not given stays undefined. */
export function addSettingOptions(command: Command): Command {
  const { cpuDeviceMode, groupBy } = options;
  return command
    .addOption(
      new Option('--cpu-device-mode <mode>', `the driver's cpuDeviceMode (default: ${DEFAULTS.cpuDeviceMode})`).choices(
        cpuDeviceMode.value.allowed ?? [],
      ),
    )
    .addOption(
      new Option('--group-by <unit>', `the driver's groupBy (default: ${DEFAULTS.groupBy})`).choices(
        groupBy.value.allowed ?? [],
      ),
    )
    .addOption(
      new Option('--claim-sharing <who>', "the driver's claimSharing (default: none)").choices(['none', 'pod']),
    )
    .option(
      '--node-allocatable-mapping',
      'the driver publishes node allocatable mappings: pods need not repeat the CPUs',
    );
}

/** A comment in which a file states the settings of the driver that it is for. */
const SETTINGS_LINE = /^#[ \t]*dracpu validate:[ \t]*(.*?)[ \t]*$/m;

/** The settings that a file states, with the offset of the line; what is wrong with them otherwise. */
export type SettingsLine =
  | { readonly kind: 'settings'; readonly settings: GivenSettings }
  | { readonly kind: 'mistake'; readonly offset: number; readonly text: string; readonly message: string };

/**
 * Reads the settings that a file states in a comment.
 * @example readSettingsLine('# dracpu validate: --cpu-device-mode individual\n')
 */
export function readSettingsLine(text: string): SettingsLine {
  const match = SETTINGS_LINE.exec(text);
  if (!match) return { kind: 'settings', settings: {} };
  const parser = addSettingOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  try {
    const words = (match[1] ?? '').split(/\s+/).filter((word) => word !== '');
    parser.helpOption(false).allowExcessArguments(false).parse(words, { from: 'user' });
    return { kind: 'settings', settings: parser.opts<GivenSettings>() };
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const message = error.message.replace(/^error: /, '').split('\n', 1)[0] ?? '';
    return { kind: 'mistake', offset: match.index, text: match[0], message };
  }
}

/** The settings in effect: the command line before the file, and the driver's defaults for the rest. */
export function joinSettings(ofCommand: GivenSettings, ofFile: GivenSettings): DriverSettings {
  const { cpuDeviceMode, groupBy, claimSharing, nodeAllocatableMapping } = { ...DEFAULTS, ...ofFile, ...ofCommand };
  const deviceMode: DeviceMode = cpuDeviceMode === 'individual' ? { kind: 'individual' } : { kind: 'grouped', groupBy };
  return { claimSharing, nodeAllocatableMapping, deviceMode };
}

/** The mode as the configuration has it. */
export function describeMode(mode: DeviceMode): string {
  return mode.kind === 'individual' ? 'cpuDeviceMode individual' : `cpuDeviceMode grouped, groupBy ${mode.groupBy}`;
}
