import type { Config } from '../config/config.ts';
import {
  describeNaming,
  type HeldDevice,
  keepNames,
  listNames,
  ordinalPrefix,
  restoreNames,
} from '../devices/device-names.ts';
import type { Machine } from '../devices/machine.ts';
import { asObject } from '../lib/json.ts';
import { errorText, type Log } from '../lib/log.ts';
import { readRegularFile } from '../lib/read-regular-file.ts';
import { writeWhole } from '../lib/write-whole.ts';

/** Of the file's form; another one is not read. */
const VERSION = 1;

/** A longer file was not written by this driver: it has one name per CPU. */
const LENGTH_MAX_BYTES = 4 << 20;

/** The names of a file that were given by this configuration; none of a file that is absent or damaged. */
async function readNames(path: string, naming: string, log: Log): Promise<Map<number, string>> {
  try {
    const { version, naming: named, devices } = asObject(JSON.parse(await readRegularFile(path, LENGTH_MAX_BYTES)));
    if (version !== VERSION || named !== naming) return new Map();
    // Device by CPU, both as text.
    return new Map(
      Object.entries(asObject(devices)).flatMap(([cpu, name]) =>
        typeof name === 'string' && /^\d{1,5}$/.test(cpu) ? [[Number(cpu), name] as const] : [],
      ),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      log.warn('names of devices cannot be read back', { path, reason: errorText(error) });
    }
    return new Map();
  }
}

/**
 * Which CPUs the names of devices mean, over restarts of the driver and of the machine: noted in a file, because while CPUs are
 * offline the kernel does not tell the place that the others have among all. The file is a help, not a need.
 */
export class DeviceNames {
  readonly #path: string;
  readonly #naming: string;
  readonly #areOrdinals: boolean;
  readonly #noted: ReadonlyMap<number, string>;
  readonly #log: Log;
  #names = new Map<number, string>();
  #writing = Promise.resolve();

  private constructor(
    { deviceMode }: Config,
    { path, naming, noted, log }: { path: string; naming: string; noted: ReadonlyMap<number, string>; log: Log },
  ) {
    this.#path = path;
    this.#naming = naming;
    this.#areOrdinals = ordinalPrefix(deviceMode) !== undefined;
    this.#noted = noted;
    this.#log = log;
  }

  /** Reads the file. */
  static async open(path: string, config: Config, log: Log): Promise<DeviceNames> {
    const naming = describeNaming(config.deviceMode, config.reservedCpus, config);
    return new DeviceNames(config, { path, naming, noted: await readNames(path, naming, log), log });
  }

  /** The machine at the start of the driver, its devices under the names that they had before. */
  restore(machine: Machine, held: readonly HeldDevice[]): Machine {
    const isWhole = machine.topology.offline.isEmpty;
    const { devices, names } = restoreNames(machine.devices, { noted: this.#noted, held }, { isWhole });
    this.#note(names);
    return { ...machine, devices };
  }

  /** The machine after CPUs came or went, its devices under the names that they have. */
  keep(machine: Machine): Machine {
    const devices = keepNames(machine.devices, this.#names);
    this.#note(new Map([...this.#names, ...listNames(devices)]));
    return { ...machine, devices };
  }

  /** Resolves when the names are written or could not be. */
  async idle(): Promise<void> {
    await this.#writing;
  }

  #note(names: Map<number, string>): void {
    this.#names = names;
    if (!this.#areOrdinals) return;
    const devices = Object.fromEntries(names);
    const text = `${JSON.stringify({ version: VERSION, naming: this.#naming, devices })}\n`;
    this.#writing = this.#writing.then(() =>
      writeWhole(this.#path, text, { mode: 0o600, isFlushed: true }).catch((error: unknown) => {
        this.#log.warn('names of devices cannot be noted', { path: this.#path, reason: errorText(error) });
      }),
    );
  }
}
