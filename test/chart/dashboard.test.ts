/** The dashboard of the chart: what its panels show with samples that a cluster would have. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { describeMetrics, describeRuntimeMetrics } from '../../src/metrics/describe-metrics.ts';
import { CHART } from '../../hack/helm.ts';

interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const dashboard = JSON.parse(readFileSync(join(CHART, 'files/dashboard.json'), 'utf8')) as {
  panels: Panel[];
  templating: { list: { name: string; query: string }[] };
};

/** An expression as Grafana sends it, for all nodes. */
function interpolate(expr: string): string {
  const newest = dashboard.templating.list.find(({ name }) => name === 'newest')?.query ?? '';
  return expr.replaceAll('$newest', newest).replaceAll('$node', '.+');
}

function exprOf(title: string, target = 0): string {
  return interpolate(dashboard.panels.find((panel) => panel.title === title)?.targets[target]?.expr ?? '');
}

test('every panel asks for metrics that the driver has', () => {
  const names = [...describeMetrics(), ...describeRuntimeMetrics()].map(({ name }) => name);
  const used = dashboard.panels.flatMap(({ targets }) =>
    targets.flatMap(({ expr }) => interpolate(expr).match(/(?:dra_cpu|process|nodejs)_\w+/g) ?? []),
  );
  assert(used.length > 20);
  assert.deepEqual(
    used.filter((name) => !names.includes(name.replace(/_bucket$/, ''))),
    [],
  );
});

test('no panel adds up samples of one pod that were scraped twice', () => {
  for (const { title, targets } of dashboard.panels) {
    for (const { expr } of targets) assert.match(expr, /max by \(node/, title);
  }
});

const skip = spawnSync('promtool', ['--version']).status === 0 ? false : 'promtool is not installed';

interface Series {
  readonly series: string;
  readonly values: string;
}

/** Samples of one pod, each by every job. */
function seriesOf(
  { pod, node, jobs }: { pod: string; node: string; jobs: readonly string[] },
  metrics: Readonly<Record<string, string>>,
): Series[] {
  return jobs.flatMap((job) =>
    Object.entries(metrics).map(([metric, values]) => {
      const [name, labels = ''] = metric.split(/[{}]/);
      const own = `pod="${pod}",node="${node}",job="${job}",instance="${pod}:8080"`;
      return { series: `${name}{${[labels, own].filter((part) => part !== '').join(',')}}`, values };
    }),
  );
}

/** Checks what expressions answer after ten minutes of samples, one per minute. */
function checkAnswers(t: TestContext, series: readonly Series[], wanted: readonly [expr: string, samples: object[]][]) {
  const directory = mkdtempSync(join(tmpdir(), 'dashboard-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const promql = wanted.map(([expr, samples]) => ({ expr, eval_time: '10m', exp_samples: samples }));
  const file = join(directory, 'tests.json');
  const tests = [{ interval: '1m', input_series: series, promql_expr_test: promql }];
  writeFileSync(file, JSON.stringify({ evaluation_interval: '1m', tests }));
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
}

const node = (start: number, cpus: { allocated: number; available: number; reserved: number }) => ({
  process_start_time_seconds: `${start}x10`,
  'dra_cpu_build_info{version="1"}': '1x10',
  dra_cpu_allocated_cpus: `${cpus.allocated}x10`,
  dra_cpu_available_cpus: `${cpus.available}x10`,
  dra_cpu_reserved_cpus: `${cpus.reserved}x10`,
  dra_cpu_shared_pool_cpus: `${cpus.available}x10`,
  'dra_cpu_numa_node_largest_allocatable_cpus{numa_node="0",policy="full-cores"}': `${cpus.available}x10`,
  'dra_cpu_prepare_claims_total{result="success"}': '0+60x10',
  'dra_cpu_refusals_total{stage="prepare",reason="Conflict"}': '0x5 1x5',
  'dra_cpu_refusals_total{stage="prepare",reason="Unsatisfiable"}': '0x10',
});

test('totals are right when two jobs scrape each pod', { skip }, (t) => {
  const jobs = ['pods', 'service'];
  const series = [
    ...seriesOf({ pod: 'a-1', node: 'a', jobs }, node(100, { allocated: 10, available: 5, reserved: 1 })),
    ...seriesOf({ pod: 'b-1', node: 'b', jobs }, node(100, { allocated: 2, available: 13, reserved: 1 })),
  ];
  checkAnswers(t, series, [
    [exprOf('CPUs of the nodes', 0), [{ labels: '{}', value: 12 }]],
    [exprOf('CPUs of the nodes', 1), [{ labels: '{}', value: 18 }]],
    [exprOf('CPUs of the nodes', 2), [{ labels: '{}', value: 2 }]],
    [exprOf('Claims prepared and unprepared', 0), [{ labels: '{result="success"}', value: 2 }]],
    [exprOf('Releases'), [{ labels: '{version="1"}', value: 2 }]],
  ]);
});

test('during a surge the newer pod of a node counts, and events of both', { skip }, (t) => {
  const jobs = ['pods'];
  const series = [
    ...seriesOf({ pod: 'a-old', node: 'a', jobs }, node(100, { allocated: 10, available: 5, reserved: 1 })),
    ...seriesOf({ pod: 'a-new', node: 'a', jobs }, node(900, { allocated: 12, available: 3, reserved: 1 })),
    // Another exporter on the node, with a process of its own.
    ...seriesOf({ pod: 'exporter', node: 'a', jobs: ['node'] }, { process_start_time_seconds: '5000x10' }),
  ];
  checkAnswers(t, series, [
    [exprOf('CPUs of the nodes', 0), [{ labels: '{}', value: 12 }]],
    [exprOf('CPUs of the nodes', 1), [{ labels: '{}', value: 3 }]],
    [exprOf('CPUs of the nodes', 2), [{ labels: '{}', value: 1 }]],
    [exprOf('Shared pool'), [{ labels: '{node="a"}', value: 3 }]],
    [exprOf('Largest claim that fits'), [{ labels: '{node="a"}', value: 3 }]],
    [exprOf('Claims prepared and unprepared', 0), [{ labels: '{result="success"}', value: 2 }]],
  ]);
});

test('the first refusal is shown, and reasons without any are not', { skip }, (t) => {
  const series = seriesOf(
    { pod: 'a-1', node: 'a', jobs: ['pods'] },
    node(100, { allocated: 0, available: 8, reserved: 0 }),
  );
  const refusal = { labels: '{stage="prepare",reason="Conflict"}', value: 1 };
  // Releases of Prometheus extrapolate differently, from 1 to 1.25.
  checkAnswers(t, series, [[`round(${exprOf('Refusals')})`, [refusal]]]);
});
