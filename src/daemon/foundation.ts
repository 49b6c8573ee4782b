import { dirname, join } from 'node:path';
import { Ledger } from '../claims/ledger.ts';
import type { PreparedClaim } from '../claims/prepared-claim.ts';
import type { Config } from '../config/config.ts';
import type { Machine } from '../devices/machine.ts';
import type { ClaimsDirectory } from '../handover/claims-directory.ts';
import { boundedMap } from '../lib/bounded-map.ts';
import { errorText, type Log } from '../lib/log.ts';
import { describeDevices } from '../prepare/describe-devices.ts';
import { ClaimStore } from '../records/claim-store.ts';
import { deriveFiles } from '../records/derive-files.ts';
import { DerivedFiles } from '../records/derived-files.ts';
import { recoverClaims } from '../records/recover.ts';
import type { SysfsOverlay } from '../sysfs/overlay.ts';
import { DeviceNames } from './device-names-file.ts';
import { DRIVER_NAME, readMachine, readOverlay } from './read-machine.ts';

/** What is known before any peer can call: the machine, and the claims that were prepared before. */
export interface Foundation {
  /** Replaced as a whole when CPUs come or go. */
  machine: Machine;
  /** What is laid over the machine's sysfs. */
  readonly overlay: SysfsOverlay | undefined;
  readonly ledger: Ledger;
  readonly store: ClaimStore;
  readonly names: DeviceNames;
  /** Files of claims that could not be read. */
  readonly damagedFiles: number;
  /** Watches the claims' files no longer. */
  readonly stopFiles: () => Promise<void>;
}

/** The machine as it is configured. */
export interface ConfiguredMachine {
  readonly machine: Machine;
  readonly overlay: SysfsOverlay | undefined;
}

/** What the foundation is laid on. */
export interface FoundationOptions {
  /** The directory of claim records, which came with the node. */
  readonly directory: Pick<ClaimsDirectory, 'path'>;
  readonly log: Log;
}

/** Claims whose files are looked at together. */
const CLAIMS_AT_ONCE = 16;

/** Reads the machine. @throws MachineError when there is nothing to work on. */
export async function loadMachine(config: Config): Promise<ConfiguredMachine> {
  const overlay = await readOverlay(config);
  return { machine: readMachine(config, overlay), overlay };
}

/** The store of claims, and the files that follow from it. */
function openStore(
  { cdiDirectory }: Config,
  { directory, log }: FoundationOptions,
  readMachineNow: () => Machine,
): { derived: DerivedFiles; store: ClaimStore } {
  const places = { driverName: DRIVER_NAME, dataDirectory: dirname(directory.path), cdiDirectory };
  const derived = new DerivedFiles(places, log);
  const derive = (claim: PreparedClaim) => deriveFiles(claim, describeDevices(claim, readMachineNow()), places);
  return { derived, store: new ClaimStore({ directory: directory.path, derived, derive, log }) };
}

/**
 * Reads the claims that were prepared before, and the names that devices had.
 * @throws ClaimStoreError when there is no place to keep claims.
 */
export async function loadFoundation(
  config: Config,
  { machine: unnamed, overlay }: ConfiguredMachine,
  options: FoundationOptions,
): Promise<Foundation> {
  const { directory, log } = options;
  const ledger = new Ledger(unnamed.devices, config);
  const foundation: { machine: Machine } = { machine: unnamed };
  const { derived, store } = openStore(config, options, () => foundation.machine);
  const { cdiDirectory } = config;
  const damagedFiles = await recoverClaims({ store, cdiDirectory, ledger, log });
  const names = await DeviceNames.open(join(dirname(directory.path), 'device-names.json'), config, log);
  foundation.machine = names.restore(
    unnamed,
    ledger.claims.flatMap(({ assignments }) => assignments),
  );
  await restoreFiles(ledger, { store, derived, log });
  derived.start();
  store.start();
  reportMachine(foundation.machine, { config, ledger, log });
  const stopFiles = async () => {
    await store.stop();
    await derived.stop();
  };
  return Object.assign(foundation, { overlay, ledger, store, names, damagedFiles, stopFiles });
}

/** Sees that every claim has its files, and that files of no claim are gone. A file that cannot be written is tried again later. */
async function restoreFiles(
  ledger: Ledger,
  { store, derived, log }: { store: ClaimStore; derived: DerivedFiles; log: Log },
): Promise<void> {
  await boundedMap(ledger.claims, CLAIMS_AT_ONCE, async (claim) => {
    try {
      await store.restoreDerived(claim);
    } catch (error) {
      log.error('Failed to write the files of a claim', { uid: claim.uid, reason: errorText(error) });
    }
  });
  await derived.removeStrays((uid) => ledger.find(uid) !== undefined);
}

function reportMachine(machine: Machine, { config, ledger, log }: { config: Config; ledger: Ledger; log: Log }): void {
  const { topology } = machine;
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
}
