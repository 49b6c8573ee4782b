/** The alerts of the chart: metrics that exist, and a section of the runbook for each. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { describeMetrics } from '../../src/metrics/describe-metrics.ts';
import { findKind, pick, render, skipChart } from './render.ts';

const options = { skip: skipChart };
const CREATE = 'metrics.prometheusRule.create=true';
const RUNBOOKS = 'docs/tasks/runbooks.md';

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

function renderAlerts(...set: string[]): readonly Alert[] {
  const rule = findKind(render({ set: [CREATE, ...set] }), 'PrometheusRule');
  return pick(rule, 'spec.groups.0.rules') as Alert[];
}

test('every alert asks for metrics that the driver or kube-state-metrics has', options, () => {
  const names = describeMetrics().map(({ name }) => name);
  const rules = renderAlerts();
  const unknown = rules.flatMap(({ alert, expr }) =>
    (expr.match(/dra_cpu_\w+/g) ?? [])
      .filter((used) => !names.includes(used.replace(/_bucket$/, '')))
      .map((used) => `${alert}: ${used}`),
  );
  assert.deepEqual(unknown, []);
  const alerted = rules.map(({ expr }) => expr).join(' ');
  const failures = names.filter((name) =>
    /errors|refusals|drift|reconnects|damaged|problems|ready|findings/.test(name),
  );
  assert.deepEqual(
    failures.filter((name) => !alerted.includes(name)),
    [],
  );
});

test('alerts are left out by their names', options, () => {
  const all = renderAlerts().map(({ alert }) => alert);
  const some = renderAlerts('metrics.prometheusRule.disabled[0]=DraCpuDrift').map(({ alert }) => alert);
  assert.deepEqual(
    some,
    all.filter((alert) => alert !== 'DraCpuDrift'),
  );
});

test('the alerts about pods watch the DaemonSets of every node group', options, () => {
  const group = ['nodeGroups[0].name=a', 'nodeGroups[0].nodeSelector.pool=a', 'fullnameOverride=cpu.driver'];
  assert.equal(
    renderAlerts(...group)[0]?.expr,
    'kube_daemonset_status_number_unavailable{namespace="kube-system", ' +
      'daemonset=~"cpu\\\\.driver|cpu\\\\.driver-a"} > 0',
  );
});

/** The sections of the runbook: heading and text. */
const sections = new Map(
  readFileSync(RUNBOOKS, 'utf8')
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')).trim(), section] as const),
);

test('runbook_url of every alert leads to its section of the runbook', options, () => {
  const base = 'https://git.example.com/dra-driver-cpu/blob/main';
  for (const [set, prefix] of [
    [[], ''],
    [[`metrics.prometheusRule.runbookBaseUrl=${base}`], `${base}/`],
  ] as const) {
    const rules = renderAlerts(...set);
    assert.deepEqual(
      [...sections.keys()],
      rules.map(({ alert }) => alert),
    );
    for (const { alert, annotations } of rules) {
      assert.equal(annotations.runbook_url, `${prefix}${RUNBOOKS}#${alert.toLowerCase()}`);
    }
  }
});

for (const [alert, text] of sections) {
  test(`the runbook of ${alert} says what it means, its impact, how to diagnose and how to mitigate it`, () => {
    for (const part of ['Meaning', 'Impact', 'Diagnosis', 'Mitigation']) {
      const [, after = ''] = text.split(`### ${part}\n`);
      assert.ok((after.split('###')[0] ?? '').trim().length > 40, `${alert}: ${part}`);
    }
  });
}

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

test('promtool understands every alert', {
  skip: skipChart || (hasPromtool ? false : 'promtool is not installed'),
}, (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'chart-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'rules.json');
  writeFileSync(file, JSON.stringify(pick(findKind(render({ set: [CREATE] }), 'PrometheusRule'), 'spec')));
  const check = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' });
  assert.equal(check.status, 0, check.stdout + check.stderr);
});
