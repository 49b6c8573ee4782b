import { readFileSync } from 'node:fs';

/** Between two looks at the scheduler's counters, in milliseconds. */
const TICK_MS = 25;

/** How long the first thread of a process was ready to run and had no CPU, in milliseconds (Linux, sched-stats.rst). */
export function waitedMs(pid: number | 'self'): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

/**
 * Time as far as it is fair to hold it against the driver: a busy machine that lets neither the driver nor the suite run stops this
 * clock. Limits are measured with it, so that they mean the same on a machine with other work.
 */
export class FairClock {
  readonly #pids: () => readonly number[];
  readonly #timer: NodeJS.Timeout;
  #waits = new Map<number | 'self', number>();
  #fairMs = 0;
  #lastMs = performance.now();

  /** `pids` are the processes that must be able to run. */
  constructor(pids: () => readonly number[]) {
    this.#pids = pids;
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  /** Milliseconds since the clock was made. */
  get nowMs(): number {
    return this.#fairMs + Math.min(TICK_MS, performance.now() - this.#lastMs);
  }

  /** Measures one short thing: the returned function tells its milliseconds, and those of them that are fair. */
  measure(): () => { readonly durationMs: number; readonly fairMs: number } {
    const startMs = performance.now();
    const before = this.#readWaits();
    return () => {
      const durationMs = performance.now() - startMs;
      const waits = [...this.#readWaits()].map(([pid, nowMs]) => nowMs - (before.get(pid) ?? nowMs));
      return { durationMs, fairMs: Math.max(0, durationMs - Math.max(0, ...waits)) };
    };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const nowMs = performance.now();
    // A tick that comes late was held up by this process itself.
    const passedMs = Math.min(TICK_MS * 1.5, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    this.#fairMs += Math.max(0, passedMs - this.#starvedMs());
  }

  /** How long any of the processes was kept waiting since the last tick. */
  #starvedMs(): number {
    const before = this.#waits;
    this.#waits = this.#readWaits();
    return Math.max(0, ...[...this.#waits].map(([pid, nowMs]) => nowMs - (before.get(pid) ?? nowMs)));
  }

  #readWaits(): Map<number | 'self', number> {
    return new Map(['self' as const, ...this.#pids()].map((pid) => [pid, waitedMs(pid)]));
  }
}
