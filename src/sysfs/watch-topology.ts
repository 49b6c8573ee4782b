import type { CpuTopology } from '../topology/topology.ts';
import { readOnline } from './cpu-lists.ts';
import { overlaySysfs } from './overlay-sysfs.ts';
import { type ReadTopologyOptions, readTopologyFrom } from './read-topology.ts';
import { openSysfs, type Sysfs } from './sysfs.ts';
import { SysfsReader } from './sysfs-reader.ts';

/** How often the list of online CPUs is read. The kernel tells of it by uevents only, which need a netlink socket. */
const POLL_INTERVAL_MS = 5_000;

/** Calls `poll` every `intervalMs` until the returned function is called. */
type Schedule = (poll: () => void, intervalMs: number) => () => void;

/** Whom to tell of CPUs that come and go. */
export interface WatchTopologyOptions {
  /** What the first topology was read with. */
  readonly read: ReadTopologyOptions;
  /** The topology that is known already. */
  readonly known: CpuTopology;
  /** Told of each topology whose online CPUs are others than those before. */
  readonly onChange: (topology: CpuTopology, before: CpuTopology) => void;
  /** Told once of each error in a row: of reading, or thrown by `onChange`. */
  readonly onError: (error: unknown) => void;
  readonly schedule?: Schedule;
  /** Default: the machine's, with the overlay of `read`. */
  readonly sysfs?: Sysfs;
}

const everyInterval: Schedule = (poll, intervalMs) => {
  const timer = setInterval(poll, intervalMs).unref();
  return () => clearInterval(timer);
};

/** Follows the online CPUs of a machine. */
class TopologyWatch {
  readonly #options: WatchTopologyOptions;
  readonly #sysfs: Sysfs;
  #known: CpuTopology;
  /** The list of online CPUs for which `#known` was read; undefined before the first poll. */
  #knownList: string | undefined;
  #lastError: string | undefined;

  constructor(options: WatchTopologyOptions) {
    const { hostRoot, overlay } = options.read;
    this.#options = options;
    this.#known = options.known;
    this.#sysfs = options.sysfs ?? (overlay ? overlaySysfs(openSysfs(hostRoot), overlay) : openSysfs(hostRoot));
  }

  poll(): void {
    try {
      this.#follow();
      this.#lastError = undefined;
    } catch (error) {
      const text = String(error);
      if (text === this.#lastError) return;
      this.#lastError = text;
      this.#options.onError(error);
    }
  }

  #follow(): void {
    const list = this.#readList();
    if (list === this.#knownList) return;
    const isAsKnown = this.#knownList === undefined && list === this.#known.online.toString();
    const topology = isAsKnown ? this.#known : readTopologyFrom(this.#sysfs, this.#options.read);
    // CPUs that change while their files are read make a topology of neither state: the next poll reads it again.
    if (!isAsKnown && this.#readList() !== list) return;
    const before = this.#known;
    this.#knownList = list;
    this.#known = topology;
    if (!topology.online.equals(before.online)) this.#options.onChange(topology, before);
  }

  #readList(): string {
    return readOnline(new SysfsReader(this.#sysfs)).toString();
  }
}

/**
 * Watches for CPUs that are switched off and on, and for ones that are added or taken out, by polling. Nothing is thrown.
 * @returns ends the watch; may be called twice.
 */
export function watchTopology(options: WatchTopologyOptions): () => void {
  const watch = new TopologyWatch(options);
  return (options.schedule ?? everyInterval)(() => watch.poll(), POLL_INTERVAL_MS);
}
