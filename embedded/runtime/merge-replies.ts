import type { ContainerAdjustment, ContainerUpdate, KeyValue, LinuxResources } from '../../src/gen/nri.ts';
import { readEnvChanges } from './adjust-env.ts';
import { RuntimeError } from './runtime-error.ts';

/** A cpuset as plugins want it, Linux lists; "" for no change. */
interface WantedCpuset {
  readonly cpus: string;
  readonly mems: string;
}

/** What plugins together want of one container's CPUs. */
export interface CpuChange extends WantedCpuset {
  readonly containerId: string;
  readonly cpuShares: number | undefined;
  readonly ignoreFailure: boolean;
}

/** Reads an update's CPU part; nothing else is kept here. */
export function readCpuChange({ containerId, linux, ignoreFailure }: ContainerUpdate): CpuChange {
  return { containerId, ...readCpus(linux?.resources), ignoreFailure };
}

function readCpus(resources: LinuxResources | undefined): WantedCpuset & { cpuShares: number | undefined } {
  const { cpus = '', mems = '', shares } = resources?.cpu ?? {};
  return { cpus, mems, cpuShares: shares === undefined ? undefined : Number(shares.value) };
}

/** Puts the replies of several plugins to one request together, as NRI's own adaptation does. */
export class ReplyMerger {
  readonly #creatingId: string | undefined;
  readonly #owners = new Map<string, string>();
  readonly #changes = new Map<string, CpuChange>();
  readonly #env: KeyValue[] = [];

  /** `creatingId` is the container that the request creates, which nobody may update. */
  constructor(creatingId?: string) {
    this.#creatingId = creatingId;
  }

  /** The changes to other containers. */
  get changes(): CpuChange[] {
    return [...this.#changes.values()];
  }

  /** The variables of the container being created. */
  get env(): readonly KeyValue[] {
    return this.#env;
  }

  /**
   * Takes a plugin's adjustment of the container being created; the cpuset it sets.
   * @throws RuntimeError when two plugins want to set the same part of it.
   */
  adjust(plugin: string, adjustment: ContainerAdjustment | undefined): WantedCpuset {
    const { cpus, mems } = readCpus(adjustment?.linux?.resources);
    const id = this.#creatingId ?? '';
    this.#claim(id, plugin, { cpus, mems });
    for (const variable of readEnvChanges(adjustment?.env ?? [])) {
      this.#claimField(id, plugin, `env ${variable.key}`);
      this.#env.push(variable);
    }
    return { cpus, mems };
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
      this.#claim(change.containerId, plugin, change);
      this.#changes.set(change.containerId, change);
    }
  }

  /** As NRI's adaptation names them: each field has one plugin that sets it. */
  #claim(containerId: string, plugin: string, { cpus, mems }: WantedCpuset): void {
    for (const [field, value] of [
      ['CPU pinning', cpus],
      ['memory pinning', mems],
    ] as const) {
      if (value !== '') this.#claimField(containerId, plugin, field);
    }
  }

  #claimField(containerId: string, plugin: string, field: string): void {
    const key = `${containerId} ${field}`;
    const owner = this.#owners.get(key);
    if (owner !== undefined) throw refused(`plugins "${owner}" and "${plugin}" both tried to set ${field}`);
    this.#owners.set(key, plugin);
  }
}

function refused(message: string): RuntimeError {
  return new RuntimeError('RefusedByPlugin', message);
}
