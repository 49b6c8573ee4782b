import { metricRows } from './metrics-table.ts';

/** A metric for people and programs that want to know what there is, in the form the reference prints. */
export interface MetricDescription {
  readonly name: string;
  readonly type: 'gauge' | 'counter' | 'histogram';
  /** Kubernetes' word for metrics that may still change. */
  readonly stability: 'ALPHA';
  readonly help: string;
  readonly labels: readonly string[];
}

/** Every metric of the driver; `dracpu introspect metrics` prints them as JSON. */
export function describeMetrics(): MetricDescription[] {
  return metricRows.map(({ name, kind, help, labels }) => ({ name, type: kind, stability: 'ALPHA', help, labels }));
}
