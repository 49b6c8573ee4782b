import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks';

/** How late timers fire, in seconds. */
export interface EventLoopLag {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly stddev: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/**
 * How often lateness is looked at, in milliseconds. Node's own `monitorEventLoopDelay` wakes an idle process 100 times per second,
 * 0.4 % of a CPU, and reports its interval as part of the delay.
 */
const INTERVAL_MS = 500;
const NS_PER_MS = 1e6;
const NS_PER_S = 1e9;

function readLag(histogram: RecordableHistogram): EventLoopLag {
  if (histogram.count === 0) return { min: 0, max: 0, mean: 0, stddev: 0, p50: 0, p90: 0, p99: 0 };
  const { min, max, mean, stddev } = histogram;
  const percentile = (percent: number) => histogram.percentile(percent) / NS_PER_S;
  return {
    min: min / NS_PER_S,
    max: max / NS_PER_S,
    mean: mean / NS_PER_S,
    stddev: stddev / NS_PER_S,
    p50: percentile(50),
    p90: percentile(90),
    p99: percentile(99),
  };
}

/** Looks how late the event loop is and how much of the time it works. */
export class EventLoopSampler {
  readonly #histogram = createHistogram();
  readonly #timer: NodeJS.Timeout;
  #expectedMs = performance.now() + INTERVAL_MS;
  #utilization = performance.eventLoopUtilization();

  /** @param onUtilization gets the share of time, 0 to 1, in which the loop did not wait. */
  constructor(onUtilization: (share: number) => void) {
    this.#timer = setInterval(() => {
      this.#look();
      const now = performance.eventLoopUtilization();
      onUtilization(performance.eventLoopUtilization(now, this.#utilization).utilization);
      this.#utilization = now;
    }, INTERVAL_MS).unref();
  }

  /** The lag since the last call. */
  takeLag(): EventLoopLag {
    const lag = readLag(this.#histogram);
    this.#histogram.reset();
    return lag;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const nowMs = performance.now();
    // A histogram of Node counts whole nanoseconds from 1.
    this.#histogram.record(Math.max(1, Math.round((nowMs - this.#expectedMs) * NS_PER_MS)));
    this.#expectedMs = nowMs + INTERVAL_MS;
  }
}
