import { metricRows } from './metrics-table.ts';
import { runtimeHistograms, runtimeRows, utilizationSummary } from './runtime-table.ts';

/** A metric for people and programs that want to know what there is, in the form the reference prints. */
export interface MetricDescription {
  readonly name: string;
  readonly type: 'gauge' | 'counter' | 'histogram';
  /** Kubernetes' word for metrics that may still change. */
  readonly stability: 'ALPHA';
  readonly help: string;
  readonly labels: readonly string[];
}

/** The same of a metric that other programs have too. */
interface RuntimeMetricDescription extends Omit<MetricDescription, 'type' | 'stability'> {
  readonly type: MetricDescription['type'] | 'summary';
}

/** Every metric of the driver; `dracpu introspect metrics` prints them as JSON. */
export function describeMetrics(): MetricDescription[] {
  return metricRows.map(({ name, kind, help, labels }) => ({ name, type: kind, stability: 'ALPHA', help, labels }));
}

/** Every metric of the process and of Node.js, which have the names that exporters use. */
export function describeRuntimeMetrics(): RuntimeMetricDescription[] {
  const rows = [...runtimeRows, ...Object.values(runtimeHistograms)];
  const { name, help } = utilizationSummary;
  return [
    ...rows.map(({ name, kind, help, labels }) => ({ name, type: kind, help, labels })),
    { name, type: 'summary' as const, help, labels: ['quantile'] },
  ].toSorted((a, b) => a.name.localeCompare(b.name));
}
