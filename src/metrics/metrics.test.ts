import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeMetrics } from './describe-metrics.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import type { MetricsState } from './metrics-state.ts';
import { counterRows, gaugeRows, histogramRows, metricRows } from './metrics-table.ts';

const idle: MetricsState = {
  allocatedCpus: 0,
  availableCpus: 8,
  reservedCpus: 1,
  activeClaims: 0,
  sharedPoolCpus: 8,
  topologyProblems: 0,
  numaNodes: [],
  l3Caches: [],
  conditions: [],
  findings: [],
};

/** The samples of a scrape as "name{labels}" to value. */
async function scrapeSamples(metrics: Metrics): Promise<Map<string, number>> {
  const lines = (await metrics.scrape()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

// Names, types, labels and buckets that dashboards for the reference driver rely on (de98098, pkg/metrics).
const referenceMetrics = [
  ['dra_cpu_allocated_cpus', 'gauge', []],
  ['dra_cpu_available_cpus', 'gauge', []],
  ['dra_cpu_reserved_cpus', 'gauge', []],
  ['dra_cpu_resource_claims_active', 'gauge', []],
  ['dra_cpu_prepare_claims_total', 'counter', ['result']],
  ['dra_cpu_unprepare_claims_total', 'counter', ['result']],
  ['dra_cpu_prepare_claim_duration_seconds', 'histogram', []],
  ['dra_cpu_claim_allocated_cpus', 'histogram', []],
];

test('describeMetrics begins with the reference driver’s eight metrics', () => {
  const descriptions = describeMetrics();
  assert.deepEqual(
    descriptions.slice(0, 8).map(({ name, type, labels }) => [name, type, labels]),
    referenceMetrics,
  );
  for (const { name, help, stability } of descriptions) {
    assert.match(name, /^dra_cpu_[a-z0-9_]+$/);
    assert.match(help, /^[A-Z].*\.$/, name);
    assert.equal(stability, 'ALPHA');
  }
});

test('metricRows lists every row once', () => {
  const all = [...gaugeRows, ...Object.values(counterRows), ...Object.values(histogramRows)];
  const names = metricRows.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.deepEqual(names.toSorted(), all.map(({ name }) => name).toSorted());
});

test('createMetrics publishes every described metric with its type and help', async () => {
  const text = await createMetrics(() => idle).scrape();
  for (const { name, type, help } of describeMetrics()) {
    assert(text.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`), name);
  }
});

test('createMetrics shows the reference’s results as 0 before anything happened', async () => {
  const samples = await scrapeSamples(createMetrics(() => idle));
  for (const operation of ['prepare', 'unprepare']) {
    for (const result of ['success', 'error', 'unknown']) {
      assert.equal(samples.get(`dra_cpu_${operation}_claims_total{result="${result}"}`), 0);
    }
  }
  assert.equal(samples.get('dra_cpu_drift_total{outcome="failed"}'), 0);
  assert.equal(samples.get('dra_cpu_damaged_spec_files_total'), 0);
});

test('createMetrics shows every reason of refusals as 0 before anything was refused, and the first one as an increase', async () => {
  const refusalReasons = ['Conflict', 'NotEnoughCPUs', ...Array.from({ length: 60 }, (_, index) => `Code${index}`)];
  const metrics = createMetrics(() => idle, { refusalReasons });
  const read = async (stage: string, reason: string) =>
    (await scrapeSamples(metrics)).get(`dra_cpu_refusals_total{stage="${stage}",reason="${reason}"}`);
  for (const stage of ['prepare', 'container'])
    for (const reason of refusalReasons) assert.equal(await read(stage, reason), 0);
  metrics.recordRefusal('container', 'Code59');
  metrics.recordRefusal('prepare', 'ENOSPC');
  assert.equal(await read('container', 'Code59'), 1);
  assert.equal(await read('prepare', 'ENOSPC'), 1);
  metrics.stop();
});

test('every counter with labels has initial values, or gets them from its creator', () => {
  const without = Object.values(counterRows).filter(({ labels, initial }) => labels.length > 0 && initial.length === 0);
  assert.deepEqual(without, [counterRows.refusal]);
});

test('createMetrics says which release runs on which Node.js', async () => {
  const samples = await scrapeSamples(createMetrics(() => idle));
  const [name = ''] = [...samples.keys()].filter((key) => key.startsWith('dra_cpu_build_info'));
  assert.match(name, /^dra_cpu_build_info\{version="[^"]+",commit="[^"]+",node_version="v\d+\.\d+\.\d+"\}$/);
  assert.equal(samples.get(name), 1);
});

test('createMetrics computes gauges at each scrape and forgets domains that are gone', async () => {
  let state: MetricsState = {
    ...idle,
    allocatedCpus: 2,
    numaNodes: [{ id: 1, free: 3, allocated: 2, largestAllocatable: { 'full-cores': 2 } }],
    l3Caches: [{ id: 4, free: 1, allocated: 0, largestAllocatable: {} }],
    conditions: [
      { name: 'nri-synchronized', ok: true },
      { name: 'kubelet-registered', ok: false },
    ],
    findings: [{ check: 'reserved-cpus', severity: 'warning' }],
  };
  const metrics = createMetrics(() => state);
  const before = await scrapeSamples(metrics);
  assert.equal(before.get('dra_cpu_allocated_cpus'), 2);
  assert.equal(before.get('dra_cpu_numa_node_free_cpus{numa_node="1"}'), 3);
  assert.equal(before.get('dra_cpu_numa_node_allocated_cpus{numa_node="1"}'), 2);
  assert.equal(before.get('dra_cpu_numa_node_largest_allocatable_cpus{numa_node="1",policy="full-cores"}'), 2);
  assert.equal(before.get('dra_cpu_l3_cache_free_cpus{l3_cache="4"}'), 1);
  assert.equal(before.get('dra_cpu_ready{condition="nri-synchronized"}'), 1);
  assert.equal(before.get('dra_cpu_ready{condition="kubelet-registered"}'), 0);
  assert.equal(before.get('dra_cpu_preflight_findings{check="reserved-cpus",severity="warning"}'), 1);
  state = idle;
  const after = await scrapeSamples(metrics);
  assert.equal(after.get('dra_cpu_allocated_cpus'), 0);
  assert.equal(after.has('dra_cpu_numa_node_free_cpus{numa_node="1"}'), false);
  assert.equal(after.has('dra_cpu_preflight_findings{check="reserved-cpus",severity="warning"}'), false);
});

test('createMetrics counts what the recorder is told', async () => {
  const metrics = createMetrics(() => idle);
  const { recordHook } = metrics;
  metrics.recordPrepare('success', 20);
  metrics.recordPrepare('error', 3_000);
  metrics.recordUnprepare('success');
  metrics.recordClaimCpus(3);
  recordHook({ hook: 'CreateContainer', outcome: 'answered', durationMs: 0.4 });
  metrics.recordRefusal('prepare', 'Conflict');
  metrics.recordRefusal('prepare', 'Conflict');
  metrics.recordRefusal('container', 'UnknownClaim');
  metrics.recordDrift('repaired');
  metrics.recordReconnect('runtime');
  metrics.recordDamagedFile();
  const samples = await scrapeSamples(metrics);
  const wanted: Record<string, number> = {
    'dra_cpu_prepare_claims_total{result="success"}': 1,
    'dra_cpu_prepare_claims_total{result="error"}': 1,
    'dra_cpu_unprepare_claims_total{result="success"}': 1,
    dra_cpu_prepare_claim_duration_seconds_sum: 3.02,
    'dra_cpu_prepare_claim_duration_seconds_bucket{le="0.025"}': 1,
    'dra_cpu_prepare_claim_duration_seconds_bucket{le="5"}': 2,
    'dra_cpu_claim_allocated_cpus_bucket{le="2"}': 0,
    'dra_cpu_claim_allocated_cpus_bucket{le="4"}': 1,
    'dra_cpu_nri_hook_duration_seconds_count{hook="CreateContainer",outcome="answered"}': 1,
    'dra_cpu_nri_hook_duration_seconds_bucket{le="0.0005",hook="CreateContainer",outcome="answered"}': 1,
    'dra_cpu_refusals_total{stage="prepare",reason="Conflict"}': 2,
    'dra_cpu_refusals_total{stage="container",reason="UnknownClaim"}': 1,
    'dra_cpu_drift_total{outcome="repaired"}': 1,
    'dra_cpu_reconnects_total{peer="runtime"}': 1,
    'dra_cpu_reconnects_total{peer="kubelet"}': 0,
    dra_cpu_damaged_spec_files_total: 1,
  };
  for (const [name, value] of Object.entries(wanted)) assert.equal(samples.get(name), value, name);
});

test('createMetrics has the reference’s buckets', async () => {
  const samples = await scrapeSamples(createMetrics(() => idle));
  const bounds = (name: string) =>
    [...samples.keys()].flatMap((key) => key.match(new RegExp(`^${name}_bucket\\{le="(.*)"\\}$`))?.[1] ?? []);
  assert.equal(
    bounds('dra_cpu_prepare_claim_duration_seconds').join(),
    '0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,10,+Inf',
  );
  assert.equal(bounds('dra_cpu_claim_allocated_cpus').join(), '1,2,4,8,16,32,64,128,256,512,1024,+Inf');
});

test('createMetrics bounds the values of a label', async () => {
  const metrics = createMetrics(() => idle);
  for (let hook = 0; hook < 100; hook += 1)
    metrics.recordHook({ hook: `Hook${hook}`, outcome: 'answered', durationMs: 1 });
  metrics.recordHook({ hook: 'Hook0', outcome: 'answered', durationMs: 1 });
  const samples = await scrapeSamples(metrics);
  const counts = [...samples].filter(([name]) => name.startsWith('dra_cpu_nri_hook_duration_seconds_count'));
  assert.equal(counts.length, 33);
  assert.equal(samples.get('dra_cpu_nri_hook_duration_seconds_count{hook="other",outcome="answered"}'), 68);
  assert.equal(samples.get('dra_cpu_nri_hook_duration_seconds_count{hook="Hook0",outcome="answered"}'), 2);
});

test('createMetrics rejects the scrape when the state cannot be read', async () => {
  const metrics = createMetrics(() => {
    throw new RangeError('no ledger');
  });
  await assert.rejects(metrics.scrape(), RangeError);
});

test('createMetrics keeps drivers of one process apart', async () => {
  const [one, other] = [createMetrics(() => idle), createMetrics(() => idle)];
  one.recordUnprepare('error');
  assert.equal((await scrapeSamples(one)).get('dra_cpu_unprepare_claims_total{result="error"}'), 1);
  assert.equal((await scrapeSamples(other)).get('dra_cpu_unprepare_claims_total{result="error"}'), 0);
  assert.equal(one.contentType, 'text/plain; version=0.0.4; charset=utf-8');
});
