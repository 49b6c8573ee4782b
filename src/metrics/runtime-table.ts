import type { HeapSpaceInfo } from 'node:v8';
import type { EventLoopLag } from './event-loop-sampler.ts';
import { type HistogramRow, type ReadRow, readRow, type Sample } from './metric-row.ts';
import type { ProcessFacts } from './process-facts.ts';

/** The process at the moment of a scrape. */
export interface RuntimeState extends ProcessFacts {
  readonly lag: EventLoopLag;
  /** How long a callback waited that was due at once, in seconds. */
  readonly lagNow: number;
}

type Row = ReadRow<RuntimeState>;

function gauge(name: string, help: string, read: (state: RuntimeState) => number): Row {
  return readRow('gauge', [name, help], read);
}

function counter(name: string, help: string, read: (state: RuntimeState) => number): Row {
  return readRow('counter', [name, help], read);
}

/** A gauge with the number of each kind, and one with the number of all. */
function countKinds(
  name: string,
  what: string,
  { read, label = 'type' }: { read: (state: RuntimeState) => readonly string[]; label?: string },
): Row[] {
  const count = (kinds: readonly string[]): Sample[] =>
    [...Map.groupBy(kinds, (kind) => kind)].map(([kind, { length }]) => ({ labels: { [label]: kind }, value: length }));
  return [
    {
      kind: 'gauge',
      name,
      help: `Number of active ${what} by type.`,
      labels: [label],
      read: (state) => count(read(state)),
    },
    gauge(`${name}_total`, `Total number of active ${what}.`, (state) => read(state).length),
  ];
}

function heapSpace(suffix: string, help: string, read: (space: HeapSpaceInfo) => number): Row {
  return {
    kind: 'gauge',
    name: `nodejs_heap_space_size_${suffix}_bytes`,
    help,
    labels: ['space'],
    read: ({ heapSpaces }) =>
      heapSpaces.map((space) => ({ labels: { space: space.space_name.replace(/_space$/, '') }, value: read(space) })),
  };
}

function lag(statistic: keyof EventLoopLag, help: string): Row {
  return gauge(`nodejs_eventloop_lag_${statistic}_seconds`, help, (state) => state.lag[statistic]);
}

const [MAJOR = '', MINOR = '', PATCH = ''] = process.versions.node.split('.');

/** The families of Node.js exporters (prom-client's default metrics) that are read, under their names. */
export const runtimeRows: readonly Row[] = [
  counter('process_cpu_user_seconds_total', 'Total user CPU time spent in seconds.', (state) => state.cpuUserSeconds),
  counter(
    'process_cpu_system_seconds_total',
    'Total system CPU time spent in seconds.',
    (state) => state.cpuSystemSeconds,
  ),
  counter(
    'process_cpu_seconds_total',
    'Total user and system CPU time spent in seconds.',
    (state) => state.cpuUserSeconds + state.cpuSystemSeconds,
  ),
  gauge(
    'process_start_time_seconds',
    'Start time of the process since the Unix epoch in seconds.',
    (state) => state.startTimeSeconds,
  ),
  gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', (state) => state.residentBytes),
  gauge('process_virtual_memory_bytes', 'Virtual memory size in bytes.', (state) => state.virtualBytes),
  gauge('process_heap_bytes', 'Size of the data segment in bytes.', (state) => state.dataBytes),
  gauge('process_open_fds', 'Number of open file descriptors.', (state) => state.openFiles),
  gauge('process_max_fds', 'Maximum number of open file descriptors.', (state) => state.openFilesMax),
  gauge(
    'nodejs_eventloop_lag_seconds',
    'Lag of the event loop during this scrape in seconds.',
    (state) => state.lagNow,
  ),
  lag('min', 'The minimum lag of the event loop since the last scrape.'),
  lag('max', 'The maximum lag of the event loop since the last scrape.'),
  lag('mean', 'The mean lag of the event loop since the last scrape.'),
  lag('stddev', 'The standard deviation of the lag of the event loop since the last scrape.'),
  lag('p50', 'The 50th percentile of the lag of the event loop since the last scrape.'),
  lag('p90', 'The 90th percentile of the lag of the event loop since the last scrape.'),
  lag('p99', 'The 99th percentile of the lag of the event loop since the last scrape.'),
  ...countKinds('nodejs_active_resources', 'resources that keep the event loop alive', {
    read: ({ resources }) => resources,
  }),
  ...countKinds('nodejs_active_handles', 'libuv handles', { read: ({ handles }) => handles }),
  ...countKinds('nodejs_active_requests', 'libuv requests', { read: ({ requests }) => requests }),
  gauge('nodejs_heap_size_total_bytes', 'Size of the JavaScript heap in bytes.', ({ memory }) => memory.heapTotal),
  gauge('nodejs_heap_size_used_bytes', 'Used size of the JavaScript heap in bytes.', ({ memory }) => memory.heapUsed),
  gauge(
    'nodejs_external_memory_bytes',
    'Memory outside the JavaScript heap that its objects hold, in bytes.',
    ({ memory }) => memory.external,
  ),
  heapSpace('total', 'Size of each heap space in bytes.', (space) => space.space_size),
  heapSpace('used', 'Used size of each heap space in bytes.', (space) => space.space_used_size),
  heapSpace('available', 'Available size of each heap space in bytes.', (space) => space.space_available_size),
  {
    kind: 'gauge',
    name: 'nodejs_version_info',
    help: 'The version of Node.js as labels, with value 1.',
    labels: ['version', 'major', 'minor', 'patch'],
    read: () => [{ labels: { version: process.version, major: MAJOR, minor: MINOR, patch: PATCH }, value: 1 }],
  },
];

/** The families of Node.js exporters that are observed. */
export const runtimeHistograms = {
  gcDuration: {
    kind: 'histogram',
    name: 'nodejs_gc_duration_seconds',
    help: 'Duration of garbage collections by kind: major, minor, incremental or weakcb.',
    labels: ['kind'],
    buckets: [0.001, 0.01, 0.1, 1, 2, 5],
  },
  utilization: {
    kind: 'histogram',
    name: 'nodejs_eventloop_utilization_histogram',
    help: 'Share of time in which the event loop works rather than waits.',
    labels: [],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.99, 1],
  },
} as const satisfies Record<string, HistogramRow>;

/** The same observations as quantiles. */
export const utilizationSummary = {
  name: 'nodejs_eventloop_utilization_summary',
  help: 'Share of time of the last minute in which the event loop worked rather than waited, by quantile.',
  percentiles: [0.01, 0.05, 0.5, 0.9, 0.95, 0.99, 0.999],
  maxAgeSeconds: 60,
  ageBuckets: 5,
} as const;
