import { SpecDirectory } from '../records/spec-directory.ts';
import { Ledger } from '../claims/ledger.ts';
import type { Config } from '../config/config.ts';
import type { Machine } from '../devices/machine.ts';
import { recoverClaims } from '../prepare/recover.ts';
import type { Log } from '../lib/log.ts';
import type { SysfsOverlay } from '../sysfs/overlay.ts';
import { DeviceNames } from './device-names-file.ts';
import { readMachine, readOverlay } from './read-machine.ts';

/** What is known before any peer can call: the machine, and the claims that were prepared before. */
export interface Foundation {
  /** Replaced as a whole when CPUs come or go. */
  machine: Machine;
  /** What is laid over the machine's sysfs. */
  readonly overlay: SysfsOverlay | undefined;
  readonly ledger: Ledger;
  readonly specs: SpecDirectory;
  readonly names: DeviceNames;
  /** Spec files that could not be read. */
  readonly damagedFiles: number;
}

/** The machine as it is configured. */
export interface ConfiguredMachine {
  readonly machine: Machine;
  readonly overlay: SysfsOverlay | undefined;
}

/** Reads the machine. @throws MachineError when there is nothing to work on. */
export async function loadMachine(config: Config): Promise<ConfiguredMachine> {
  const overlay = await readOverlay(config);
  return { machine: readMachine(config, overlay), overlay };
}

/**
 * Reads the claims that were prepared before, and the names that devices had, from `namesPath`.
 * @throws SpecDirectoryError when there is no place to keep claims.
 */
export async function loadFoundation(
  config: Config,
  { machine: unnamed, overlay }: ConfiguredMachine,
  { namesPath, log }: { readonly namesPath: string; readonly log: Log },
): Promise<Foundation> {
  const { topology } = unnamed;
  const ledger = new Ledger(unnamed.devices, config);
  const specs = new SpecDirectory(config.cdiDirectory);
  const checkpoint = await specs.readAll();
  recoverClaims(checkpoint, ledger, log);
  const names = await DeviceNames.open(namesPath, config, log);
  const machine = names.restore(
    unnamed,
    ledger.claims.flatMap(({ assignments }) => assignments),
  );
  const { reservedInUse } = ledger;
  if (!reservedInUse.isEmpty) {
    log.warn('reserved CPUs are held by claims from before, and are set aside when these end', {
      cpus: reservedInUse.toString(),
    });
  }
  const present = topology.online.union(topology.offline);
  const absent = config.reservedCpus.difference(present);
  if (!absent.isEmpty) {
    log.warn('reservedCPUs names CPUs that this machine does not have', {
      absent: absent.toString(),
      present: present.toString(),
    });
  }
  log.info('topology read', {
    cpus: topology.online.toString(),
    devices: machine.devices.devices.map(({ name }) => name),
    problems: topology.problems.length,
  });
  return { machine, overlay, ledger, specs, names, damagedFiles: checkpoint.damaged.length };
}
