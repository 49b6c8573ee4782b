import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { describeMetrics } from '../src/metrics/describe-metrics.ts';

const MAIN = new URL('../src/cli/main.ts', import.meta.url).pathname;

function introspect(...argv: string[]) {
  return spawnSync(process.execPath, [MAIN, 'introspect', ...argv], { encoding: 'utf8' });
}

test('dracpu introspect metrics prints every metric as JSON, keyed as the reference’s', () => {
  const { stdout, status } = introspect('metrics');
  assert.equal(status, 0);
  const metrics = JSON.parse(stdout) as Record<string, unknown>[];
  assert.deepEqual(metrics, JSON.parse(JSON.stringify(describeMetrics())));
  assert.deepEqual(Object.keys(metrics[0] ?? {}), ['name', 'type', 'stability', 'help', 'labels']);
});

test('dracpu introspect refuses what it does not know', () => {
  const unknown = introspect('metric');
  assert.notEqual(unknown.status, 0);
  assert.match(unknown.stderr, /metrics/);
  assert.notEqual(introspect().status, 0);
});
