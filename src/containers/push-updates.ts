import { errorText, type Log } from '../lib/log.ts';
import type { CpusetUpdate } from './container.ts';
import type { Containers } from './containers.ts';

/** Containers that one call changes; the runtime takes 17 ms for each and creates no container meanwhile (containerd 2.1.9). */
const UPDATES_PER_CALL_MAX = 32;

/** How updates reach the runtime outside a hook. */
export interface UpdatePorts {
  /** Asks the runtime at once, or says that this runtime is better not asked. Rejects when some were not applied. */
  readonly send: (updates: readonly CpusetUpdate[]) => Promise<'applied' | 'withheld'>;
  /** A slower way that every runtime takes. Rejects when it failed. */
  readonly sendSlowly: (updates: readonly CpusetUpdate[]) => Promise<void>;
  readonly log: Log;
}

/**
 * Tells the runtime about cpusets that changed without a hook to answer: after claims were prepared or given back. What
 * cannot be told stays due, goes into the next hook's answer, and is tried again with each call.
 */
export class UpdatePusher {
  readonly #containers: Containers;
  readonly #ports: UpdatePorts;
  #running: Promise<void> | undefined;
  /** The call that is on its way to the runtime. */
  #underWay: Promise<unknown> = Promise.resolve();
  #isAskedAgain = false;
  #isUrgent = false;

  constructor(containers: Containers, ports: UpdatePorts) {
    this.#containers = containers;
    this.#ports = ports;
  }

  /**
   * Sends what is due, one call at a time; resolves when there is nothing more to do for now. With `byAllMeans` also where
   * the runtime is better not asked directly. Never rejects.
   */
  push({ byAllMeans = false } = {}): Promise<void> {
    this.#isAskedAgain = true;
    this.#isUrgent ||= byAllMeans;
    this.#running ??= this.#pushAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Resolves when the updates that are on their way now were applied or failed; later ones are not waited for. */
  async whenArrived(): Promise<void> {
    await this.#underWay;
  }

  async #pushAll(): Promise<void> {
    while (this.#isAskedAgain) {
      this.#isAskedAgain = false;
      const byAllMeans = this.#isUrgent;
      this.#isUrgent = false;
      await this.#pushDue(byAllMeans);
    }
  }

  /** Each call is decided anew, because hooks go on meanwhile. Containers of a call that failed wait for the next time. */
  async #pushDue(byAllMeans: boolean): Promise<void> {
    const failed = new Set<string>();
    for (;;) {
      const due = this.#containers.dueUpdates.filter(({ containerId }) => !failed.has(containerId));
      const updates = due.slice(0, UPDATES_PER_CALL_MAX);
      if (updates.length === 0) return;
      this.#containers.sendUpdates(updates);
      const sending = this.#send(updates, byAllMeans);
      this.#underWay = sending;
      const outcome = await sending;
      this.#containers.settleUpdates(updates, { applied: outcome === 'applied' });
      if (outcome === 'withheld') return;
      if (outcome === 'failed') for (const { containerId } of updates) failed.add(containerId);
    }
  }

  async #send(updates: readonly CpusetUpdate[], byAllMeans: boolean): Promise<'applied' | 'withheld' | 'failed'> {
    try {
      const outcome = await this.#ports.send(updates);
      if (outcome === 'applied' || !byAllMeans) return outcome;
      await this.#ports.sendSlowly(updates);
      return 'applied';
    } catch (error) {
      this.#ports.log.warn('containers not updated yet', { containers: updates.length, reason: errorText(error) });
      return 'failed';
    }
  }
}
