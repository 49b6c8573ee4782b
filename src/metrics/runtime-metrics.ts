import { constants, type PerformanceEntry, PerformanceObserver, performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Histogram, type Registry, Summary } from '@prometheus-io/client';
import { EventLoopSampler } from './event-loop-sampler.ts';
import { readProcessFacts } from './process-facts.ts';
import { createHistogram, createReader } from './registered.ts';
import { runtimeHistograms, runtimeRows, utilizationSummary } from './runtime-table.ts';

/** Metrics of the process and of Node.js, under the names that exporters use. */
export interface RuntimeMetrics {
  /** Reads what is shown at this scrape. */
  readonly collect: () => Promise<void>;
  /** Ends what is sampled meanwhile. */
  readonly stop: () => void;
}

const MS_PER_S = 1_000;

const GC_KINDS: ReadonlyMap<unknown, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]);

function observeCollections(histogram: Histogram<string>): PerformanceObserver {
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      // The types of Node leave out what its documentation has (PerformanceEntry.detail).
      const { detail } = entry as PerformanceEntry & { readonly detail?: { readonly kind?: number } };
      const kind = GC_KINDS.get(detail?.kind);
      if (kind !== undefined) histogram.observe({ kind }, entry.duration / MS_PER_S);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return observer;
}

/** Registers the metrics and begins to sample. */
export function createRuntimeMetrics(registry: Registry): RuntimeMetrics {
  const read = createReader(registry, runtimeRows);
  const gc = createHistogram(registry, runtimeHistograms.gcDuration);
  for (const kind of GC_KINDS.values()) gc.zero({ kind });
  const utilization = createHistogram(registry, runtimeHistograms.utilization);
  const { percentiles, ...options } = utilizationSummary;
  const summary = new Summary({ ...options, percentiles: [...percentiles], registers: [registry] });
  const sampler = new EventLoopSampler((share) => {
    utilization.observe(share);
    summary.observe(share);
  });
  const observer = observeCollections(gc);
  return {
    collect: async () => {
      const startMs = performance.now();
      await nextTurn();
      const lagNow = (performance.now() - startMs) / MS_PER_S;
      read({ ...readProcessFacts(), lag: sampler.takeLag(), lagNow });
    },
    stop: () => {
      sampler.stop();
      observer.disconnect();
    },
  };
}
