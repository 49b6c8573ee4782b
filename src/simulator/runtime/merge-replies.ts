import type { ContainerUpdate, LinuxResources } from '../../gen/nri.ts';
import { RuntimeError } from './runtime-error.ts';

/** What plugins together want of one container's CPUs. */
export interface CpuChange {
  readonly containerId: string;
  /** A Linux CPU list; "" for no change. */
  readonly cpus: string;
  readonly cpuShares: number | undefined;
  readonly ignoreFailure: boolean;
}

/** Reads an update's CPU part; nothing else is kept here. */
export function readCpuChange({ containerId, linux, ignoreFailure }: ContainerUpdate): CpuChange {
  return { containerId, ...readCpus(linux?.resources), ignoreFailure };
}

function readCpus(resources: LinuxResources | undefined): { cpus: string; cpuShares: number | undefined } {
  const shares = resources?.cpu?.shares?.value;
  return { cpus: resources?.cpu?.cpus ?? '', cpuShares: shares === undefined ? undefined : Number(shares) };
}

/** Puts the replies of several plugins to one request together, as NRI's own adaptation does. */
export class ReplyMerger {
  readonly #creatingId: string | undefined;
  readonly #owners = new Map<string, string>();
  readonly #changes = new Map<string, CpuChange>();

  /** `creatingId` is the container that the request creates, which nobody may update. */
  constructor(creatingId?: string) {
    this.#creatingId = creatingId;
  }

  /** The changes to other containers. */
  get changes(): CpuChange[] {
    return [...this.#changes.values()];
  }

  /**
   * Takes a plugin's adjustment of the container being created; the cpuset it sets, "" for none.
   * @throws RuntimeError when two plugins want to set it.
   */
  adjust(plugin: string, resources: LinuxResources | undefined): string {
    const { cpus } = readCpus(resources);
    if (cpus !== '') this.#claim(this.#creatingId ?? '', plugin);
    return cpus;
  }

  /**
   * Takes a plugin's updates.
   * @throws RuntimeError when a container is named twice, or is the one being created.
   */
  update(plugin: string, updates: readonly ContainerUpdate[]): void {
    for (const update of updates) {
      const change = readCpuChange(update);
      if (change.containerId === this.#creatingId) {
        throw refused(`plugin "${plugin}" asked update of "${change.containerId}" during creation`);
      }
      if (change.cpus !== '') this.#claim(change.containerId, plugin);
      this.#changes.set(change.containerId, change);
    }
  }

  #claim(containerId: string, plugin: string): void {
    const owner = this.#owners.get(containerId);
    if (owner !== undefined) throw refused(`plugins "${owner}" and "${plugin}" both tried to set CPU pinning`);
    this.#owners.set(containerId, plugin);
  }
}

function refused(message: string): RuntimeError {
  return new RuntimeError('RefusedByPlugin', message);
}
