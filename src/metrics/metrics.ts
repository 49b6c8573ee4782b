import { Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';
import type { MetricsState } from './metrics-state.ts';
import {
  type CounterRow,
  counterRows,
  gaugeRows,
  type GaugeRow,
  type HistogramRow,
  histogramRows,
} from './metrics-table.ts';

/** Whether an operation did what was asked. */
type OperationResult = 'success' | 'error';

/** Where the driver reports events that are counted. Methods never throw and may be passed on without their object. */
interface MetricsRecorder {
  /** A claim was prepared or not. */
  readonly recordPrepare: (result: OperationResult, durationMs: number) => void;
  /** A claim was unprepared or not. */
  readonly recordUnprepare: (result: OperationResult) => void;
  /** A claim newly got its CPUs. */
  readonly recordClaimCpus: (cpus: number) => void;
  /** A request of the container runtime was answered. */
  readonly recordHook: (report: {
    readonly hook: string;
    readonly outcome: string;
    readonly durationMs: number;
  }) => void;
  /** A claim was not prepared or a container not admitted; `reason` is the error's code. */
  readonly recordRefusal: (stage: 'prepare' | 'container', reason: string) => void;
  /** A container had other CPUs than it was given. */
  readonly recordDrift: (outcome: 'repaired' | 'failed' | 'missed' | 'confined') => void;
  /** A lost connection was made again. */
  readonly recordReconnect: (peer: 'runtime' | 'kubelet' | 'apiserver') => void;
  /** A spec file was damaged and moved aside. */
  readonly recordDamagedFile: () => void;
}

/** The driver's metrics: a recorder of events, and the text that Prometheus scrapes. */
export interface Metrics extends MetricsRecorder {
  /** The HTTP content type of `scrape`. */
  readonly contentType: string;
  /** All metrics in the Prometheus text format 0.0.4. Gauges are computed now. */
  readonly scrape: () => Promise<string>;
}

/** A label takes this many values at most; what comes after is counted as "other", so that no peer can grow our memory. */
const LABEL_VALUES_MAX = 32;
const MS_PER_S = 1_000;

function createCounter(registry: Registry, { name, help, labels, initial }: CounterRow): Counter<string> {
  const counter = new Counter<string>({ name, help, labelNames: labels, registers: [registry] });
  for (const values of initial) counter.inc({ ...values }, 0);
  return counter;
}

function createHistogram(registry: Registry, { name, help, labels, buckets }: HistogramRow): Histogram<string> {
  return new Histogram<string>({ name, help, labelNames: labels, buckets: [...buckets], registers: [registry] });
}

function createGauge(registry: Registry, { name, help, labels }: GaugeRow): Gauge<string> {
  return new Gauge<string>({ name, help, labelNames: labels, registers: [registry] });
}

/** Lets the first values of a label pass and calls later ones "other". */
function createLabelLimit(): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (!known.has(value) && known.size >= LABEL_VALUES_MAX) return 'other';
    known.add(value);
    return value;
  };
}

/**
 * Creates the metrics of one driver, in a registry of their own.
 * @param readState what gauges show; asked at every scrape, so that they agree with the ledger at that moment.
 */
export function createMetrics(readState: () => MetricsState): Metrics {
  const registry = new Registry();
  const gauges = gaugeRows.map((row) => ({ row, gauge: createGauge(registry, row) }));
  const counter = (row: CounterRow) => createCounter(registry, row);
  const [prepare, unprepare] = [counter(counterRows.prepare), counter(counterRows.unprepare)];
  const [refusal, drift] = [counter(counterRows.refusal), counter(counterRows.drift)];
  const [reconnect, damagedFile] = [counter(counterRows.reconnect), counter(counterRows.damagedFile)];
  const prepareDuration = createHistogram(registry, histogramRows.prepareDuration);
  const claimCpus = createHistogram(registry, histogramRows.claimCpus);
  const hookDuration = createHistogram(registry, histogramRows.hookDuration);
  const [limitHook, limitReason] = [createLabelLimit(), createLabelLimit()];
  return {
    recordPrepare: (result, durationMs) => {
      prepare.inc({ result });
      prepareDuration.observe(durationMs / MS_PER_S);
    },
    recordUnprepare: (result) => unprepare.inc({ result }),
    recordClaimCpus: (cpus) => claimCpus.observe(cpus),
    recordHook: ({ hook, outcome, durationMs }) =>
      hookDuration.observe({ hook: limitHook(hook), outcome }, durationMs / MS_PER_S),
    recordRefusal: (stage, reason) => refusal.inc({ stage, reason: limitReason(reason) }),
    recordDrift: (outcome) => drift.inc({ outcome }),
    recordReconnect: (peer) => reconnect.inc({ peer }),
    recordDamagedFile: () => damagedFile.inc(),
    contentType: registry.contentType,
    scrape: async () => {
      const state = readState();
      for (const { row, gauge } of gauges) {
        gauge.reset();
        for (const { labels, value } of row.read(state)) gauge.set({ ...labels }, value);
      }
      return registry.metrics();
    },
  };
}
