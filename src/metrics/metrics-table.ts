import { commit, version } from '../lib/version.ts';
import { type CounterRow, type HistogramRow, type ReadRow, readRow, type Sample } from './metric-row.ts';
import type { DomainUsage, MetricsState } from './metrics-state.ts';

/** A value of the driver that is read at each scrape. */
type GaugeRow = ReadRow<MetricsState>;

function gauge(name: string, help: string, read: (state: MetricsState) => number): GaugeRow {
  return readRow('gauge', [name, help], read);
}

/** The gauges of one kind of domain. */
function domainGauges(
  domain: { name: string; label: string; called: string },
  read: (state: MetricsState) => readonly DomainUsage[],
): GaugeRow[] {
  const { name, label, called } = domain;
  const row = (suffix: string, help: string, value: (usage: DomainUsage) => number): GaugeRow => ({
    kind: 'gauge',
    name: `dra_cpu_${name}_${suffix}`,
    help,
    labels: [label],
    read: (state) => read(state).map((usage) => ({ labels: { [label]: usage.id }, value: value(usage) })),
  });
  return [
    row('free_cpus', `CPUs of the ${called} that a new claim may take.`, ({ free }) => free),
    row('allocated_cpus', `CPUs of the ${called} that claims hold.`, ({ allocated }) => allocated),
    {
      kind: 'gauge',
      name: `dra_cpu_${name}_largest_allocatable_cpus`,
      help: `Most CPUs of the ${called} that one claim could get now under a placement policy.`,
      labels: [label, 'policy'],
      read: (state) =>
        read(state).flatMap(({ id, largestAllocatable }) =>
          Object.entries(largestAllocatable).map(([policy, value]) => ({ labels: { [label]: id, policy }, value })),
        ),
    },
  ];
}

/** The results that the reference driver shows from its start; nothing here is ever counted as "unknown". */
const RESULTS: readonly Sample['labels'][] = [{ result: 'success' }, { result: 'error' }, { result: 'unknown' }];

/**
 * Every metric of the driver, in the order it is published. The first eight are those of kubernetes-sigs/dra-driver-cpu at
 * de98098 (pkg/metrics): same names, types, labels and buckets, for dashboards that were made for it.
 */
export const gaugeRows: readonly GaugeRow[] = [
  gauge('dra_cpu_allocated_cpus', 'CPUs held by prepared claims.', (state) => state.allocatedCpus),
  gauge(
    'dra_cpu_available_cpus',
    'CPUs that new claims may take: neither reserved nor held by a prepared claim.',
    (state) => state.availableCpus,
  ),
  gauge('dra_cpu_reserved_cpus', 'CPUs that are set aside and never given to claims.', (state) => state.reservedCpus),
  gauge('dra_cpu_resource_claims_active', 'Claims that are prepared on this node.', (state) => state.activeClaims),
  gauge(
    'dra_cpu_shared_pool_cpus',
    'CPUs that containers without a claim run on, and those of claims with sharedCPUs besides their own.',
    (state) => state.sharedPoolCpus,
  ),
  gauge(
    'dra_cpu_topology_problems',
    'Files of sysfs that could not be read or contradict others.',
    (state) => state.topologyProblems,
  ),
  {
    kind: 'gauge',
    name: 'dra_cpu_ready',
    help: 'Whether each condition of readiness holds: 1 or 0.',
    labels: ['condition'],
    read: ({ conditions }) => conditions.map(({ name, ok }) => ({ labels: { condition: name }, value: ok ? 1 : 0 })),
  },
  {
    kind: 'gauge',
    name: 'dra_cpu_preflight_findings',
    help: "Settings of the node that contradict the driver's, 1 for each check that found one.",
    labels: ['check', 'severity'],
    read: ({ findings }) => findings.map(({ check, severity }) => ({ labels: { check, severity }, value: 1 })),
  },
  ...domainGauges({ name: 'numa_node', label: 'numa_node', called: 'NUMA node' }, (state) => state.numaNodes),
  ...domainGauges({ name: 'l3_cache', label: 'l3_cache', called: 'L3 cache' }, (state) => state.l3Caches),
  {
    kind: 'gauge',
    name: 'dra_cpu_build_info',
    help: 'The release of the driver and what it runs on as labels, with value 1.',
    labels: ['version', 'commit', 'node_version'],
    read: () => [{ labels: { version, commit, node_version: process.version }, value: 1 }],
  },
];

/** The counters, by the event that they count. */
export const counterRows = {
  prepare: {
    kind: 'counter',
    name: 'dra_cpu_prepare_claims_total',
    help: 'Claims that the kubelet asked to prepare, by result.',
    labels: ['result'],
    initial: RESULTS,
  },
  unprepare: {
    kind: 'counter',
    name: 'dra_cpu_unprepare_claims_total',
    help: 'Claims that the kubelet asked to unprepare, by result.',
    labels: ['result'],
    initial: RESULTS,
  },
  refusal: {
    kind: 'counter',
    name: 'dra_cpu_refusals_total',
    help: 'Claims that were not prepared and containers that were not admitted, by error code.',
    labels: ['stage', 'reason'],
    initial: [],
  },
  drift: {
    kind: 'counter',
    name: 'dra_cpu_drift_total',
    help:
      'Containers found with other CPUs than decided: repaired, failed to be, missed (created without the driver and ' +
      'confined later), confined (naming CPUs that they may not have).',
    labels: ['outcome'],
    initial: [{ outcome: 'repaired' }, { outcome: 'failed' }, { outcome: 'missed' }, { outcome: 'confined' }],
  },
  reconnect: {
    kind: 'counter',
    name: 'dra_cpu_reconnects_total',
    help: 'Connections made again after they were lost, by peer.',
    labels: ['peer'],
    initial: [{ peer: 'runtime' }, { peer: 'kubelet' }, { peer: 'apiserver' }],
  },
  damagedFile: {
    kind: 'counter',
    name: 'dra_cpu_damaged_spec_files_total',
    help: 'CDI spec files that could not be read and were moved aside.',
    labels: [],
    initial: [],
  },
} as const satisfies Record<string, CounterRow>;

/** The histograms, by what they observe. */
export const histogramRows = {
  prepareDuration: {
    kind: 'histogram',
    name: 'dra_cpu_prepare_claim_duration_seconds',
    help: 'Time from the request to prepare a claim to its answer.',
    labels: [],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  },
  claimCpus: {
    kind: 'histogram',
    name: 'dra_cpu_claim_allocated_cpus',
    help: 'CPUs given to each newly prepared claim.',
    labels: [],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
  },
  hookDuration: {
    kind: 'histogram',
    name: 'dra_cpu_nri_hook_duration_seconds',
    help: 'Time from a request of the container runtime to its answer, by hook and outcome. Runtimes hang up after 2 s.',
    labels: ['hook', 'outcome'],
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2],
  },
} as const satisfies Record<string, HistogramRow>;

/** All rows in the order readers see them: the reference's eight first. */
export const metricRows: readonly (GaugeRow | CounterRow | HistogramRow)[] = [
  ...gaugeRows.slice(0, 4),
  counterRows.prepare,
  counterRows.unprepare,
  histogramRows.prepareDuration,
  histogramRows.claimCpus,
  ...gaugeRows.slice(4),
  counterRows.refusal,
  counterRows.drift,
  counterRows.reconnect,
  counterRows.damagedFile,
  histogramRows.hookDuration,
];
