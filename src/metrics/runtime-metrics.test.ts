import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { collectDefaultMetrics, Registry } from '@prometheus-io/client';
import { EventLoopSampler } from './event-loop-sampler.ts';
import { createRuntimeMetrics } from './runtime-metrics.ts';

/** The value of each sample, by its text up to the value. */
async function readSamples(registry: Registry): Promise<Map<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

async function collectOnce(): Promise<Map<string, number>> {
  const registry = new Registry();
  const runtime = createRuntimeMetrics(registry);
  try {
    await runtime.collect();
    return await readSamples(registry);
  } finally {
    runtime.stop();
  }
}

test('createRuntimeMetrics has every family of Node.js exporters, of the same type and labels', async () => {
  const [theirs, ours] = [new Registry(), new Registry()];
  // Its timers and observers cannot be stopped: one that never fires again, and a process that ends by itself.
  collectDefaultMetrics({ register: theirs, eventLoopMonitoringPrecision: 1e9, eventLoopUtilizationTimeout: 1e9 });
  const runtime = createRuntimeMetrics(ours);
  await runtime.collect();
  runtime.stop();
  const describe = (registry: Registry) =>
    new Map(
      registry.getMetricsAsArray().map((metric) => {
        const {
          name,
          type,
          labelNames = [],
        } = metric as unknown as { name: string; type: string; labelNames?: string[] };
        return [name, { type, labelNames }];
      }),
    );
  const families = describe(ours);
  const wanted = describe(theirs);
  assert(wanted.size > 25);
  for (const [name, family] of wanted) assert.deepEqual(families.get(name), family, name);
});

test('createRuntimeMetrics reports what the kernel says of this process', async () => {
  const samples = await collectOnce();
  const status = readFileSync('/proc/self/status', 'utf8');
  const rss = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1_024;
  const near = (name: string, wanted: number, by: number) => {
    const value = samples.get(name) ?? Number.NaN;
    assert(Math.abs(value - wanted) <= by, `${name} is ${value}, want ${wanted}`);
  };
  near('process_resident_memory_bytes', rss, 0.2 * rss);
  near('process_start_time_seconds', Date.now() / 1_000 - process.uptime(), 1);
  const { user, system } = process.cpuUsage();
  near('process_cpu_seconds_total', (user + system) / 1e6, 1);
  const limit = spawnSync('sh', ['-c', `grep 'open files' /proc/${process.pid}/limits`], { encoding: 'utf8' });
  near('process_max_fds', Number(/files\s+(\d+)/.exec(limit.stdout)?.[1]), 0);
  assert((samples.get('process_open_fds') ?? 0) > 2);
  assert((samples.get('process_virtual_memory_bytes') ?? 0) > rss);
  assert((samples.get('nodejs_heap_size_used_bytes') ?? 0) > 1e6);
  assert((samples.get('nodejs_heap_space_size_used_bytes{space="old"}') ?? 0) > 0);
  assert.equal(samples.get(`nodejs_version_info{${describeVersion()}}`), 1);
});

function describeVersion(): string {
  const [major, minor, patch] = process.versions.node.split('.');
  return `version="${process.version}",major="${major}",minor="${minor}",patch="${patch}"`;
}

test('createRuntimeMetrics shows each kind of garbage collection as 0 from the start', async () => {
  const samples = await collectOnce();
  for (const kind of ['major', 'minor', 'incremental', 'weakcb']) {
    assert(samples.has(`nodejs_gc_duration_seconds_count{kind="${kind}"}`), kind);
  }
});

test('createRuntimeMetrics forgets what is gone, and counters do not add up over scrapes', async () => {
  const registry = new Registry();
  const runtime = createRuntimeMetrics(registry);
  await runtime.collect();
  await runtime.collect();
  const samples = await readSamples(registry);
  runtime.stop();
  const { user } = process.cpuUsage();
  assert((samples.get('process_cpu_user_seconds_total') ?? Infinity) <= user / 1e6);
});

test('EventLoopSampler reports how late timers fired since the last look, and the share of work', async (t) => {
  const shares: number[] = [];
  const sampler = new EventLoopSampler((share) => void shares.push(share));
  t.after(() => sampler.stop());
  assert.deepEqual(new Set(Object.values(sampler.takeLag())), new Set([0]));
  const endMs = performance.now() + 800;
  while (performance.now() < endMs);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const { max, p99, min } = sampler.takeLag();
  assert(max > 0.25 && max < 1, `max ${max}`);
  assert(p99 >= min && p99 > 0.25);
  assert(shares.every((share) => share >= 0 && share <= 1) && shares.some((share) => share > 0.5), shares.join());
  assert.equal(sampler.takeLag().max, 0);
});
