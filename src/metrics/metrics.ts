import { Registry } from '@prometheus-io/client';
import type { CounterRow } from './metric-row.ts';
import type { MetricsState } from './metrics-state.ts';
import { counterRows, gaugeRows, histogramRows } from './metrics-table.ts';
import { createCounter, createHistogram, createReader } from './registered.ts';
import { createRuntimeMetrics } from './runtime-metrics.ts';

/** Whether an operation did what was asked. */
type OperationResult = 'success' | 'error';

/** Whose request was refused: the kubelet's for a claim, or the container runtime's for a container. */
const REFUSAL_STAGES = ['prepare', 'container'] as const;
type RefusalStage = (typeof REFUSAL_STAGES)[number];

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
  readonly recordRefusal: (stage: RefusalStage, reason: string) => void;
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
  /** Ends what is sampled between scrapes. May be called twice. */
  readonly stop: () => void;
}

/** A label takes this many values that were not known before at most; what comes after is counted as "other", so that no peer can grow our memory. */
const LABEL_VALUES_MAX = 32;
const MS_PER_S = 1_000;

/**
 * Lets the known values of a label and the first others pass, and calls later ones "other".
 * @param known values that cannot be more than they are.
 */
function createLabelLimit(known: Iterable<string> = []): (value: string) => string {
  const passing = new Set(known);
  const most = passing.size + LABEL_VALUES_MAX;
  return (value) => {
    if (!passing.has(value) && passing.size >= most) return 'other';
    passing.add(value);
    return value;
  };
}

/** What is known of a driver before anything happens. */
export interface MetricsOptions {
  /** Reasons for which claims and containers can be refused; shown as 0 from the start. */
  readonly refusalReasons?: readonly string[];
}

/**
 * Creates the metrics of one driver, in a registry of their own.
 * @param readState what gauges show; asked at every scrape, so that they agree with the ledger at that moment.
 */
export function createMetrics(readState: () => MetricsState, { refusalReasons = [] }: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  const read = createReader(registry, gaugeRows);
  const counter = (row: CounterRow) => createCounter(registry, row);
  const [prepare, unprepare] = [counter(counterRows.prepare), counter(counterRows.unprepare)];
  const [refusal, drift] = [counter(counterRows.refusal), counter(counterRows.drift)];
  const [reconnect, damagedFile] = [counter(counterRows.reconnect), counter(counterRows.damagedFile)];
  const prepareDuration = createHistogram(registry, histogramRows.prepareDuration);
  const claimCpus = createHistogram(registry, histogramRows.claimCpus);
  const hookDuration = createHistogram(registry, histogramRows.hookDuration);
  const [limitHook, limitReason] = [createLabelLimit(), createLabelLimit(refusalReasons)];
  for (const stage of REFUSAL_STAGES) for (const reason of refusalReasons) refusal.inc({ stage, reason }, 0);
  const runtime = createRuntimeMetrics(registry);
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
      read(readState());
      await runtime.collect();
      return registry.metrics();
    },
    stop: runtime.stop,
  };
}
