import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client';
import type { CounterRow, HistogramRow, ReadRow } from './metric-row.ts';

/** Registers a counter, with what it shows from the start. */
export function createCounter(registry: Registry, { name, help, labels, initial }: CounterRow): Counter<string> {
  const counter = new Counter<string>({ name, help, labelNames: labels, registers: [registry] });
  for (const values of initial) counter.inc({ ...values }, 0);
  return counter;
}

/** Registers a histogram. */
export function createHistogram(registry: Registry, { name, help, labels, buckets }: HistogramRow): Histogram<string> {
  return new Histogram<string>({ name, help, labelNames: labels, buckets: [...buckets], registers: [registry] });
}

function createShown<State>(registry: Registry, { kind, name, help, labels, read }: ReadRow<State>) {
  const options = { name, help, labelNames: labels, registers: [registry] };
  const metric = kind === 'gauge' ? new Gauge<string>(options) : new Counter<string>(options);
  return (state: State) => {
    metric.reset();
    for (const sample of read(state)) metric.inc({ ...sample.labels }, sample.value);
  };
}

/** Registers rows that are read. @returns what makes them show a state, and nothing of the one before. */
export function createReader<State>(registry: Registry, rows: readonly ReadRow<State>[]): (state: State) => void {
  const shown = rows.map((row) => createShown(registry, row));
  return (state) => {
    for (const show of shown) show(state);
  };
}
