/** A value of a metric with the values of its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

interface MetricRow {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** A value that is read from a state at each scrape, so that it can never be stale. */
export interface ReadRow<State> extends MetricRow {
  /** A counter here is a number that something else counts, such as the kernel. */
  readonly kind: 'gauge' | 'counter';
  readonly read: (state: State) => readonly Sample[];
}

/** Events that the driver counts. */
export interface CounterRow extends MetricRow {
  readonly kind: 'counter';
  /** Label values that are shown as 0 from the start, so that the first event is an increase that an alert sees. */
  readonly initial: readonly Sample['labels'][];
}

/** Observations counted in buckets. */
export interface HistogramRow extends MetricRow {
  readonly kind: 'histogram';
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
}

/** A row without labels. */
export function readRow<State>(
  kind: ReadRow<State>['kind'],
  [name, help]: readonly [name: string, help: string],
  read: (state: State) => number,
): ReadRow<State> {
  return { kind, name, help, labels: [], read: (state) => [{ labels: {}, value: read(state) }] };
}
