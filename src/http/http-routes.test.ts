import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../claims/ledger.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { parseSynthetic } from '../topology/synthetic.ts';
import type { NodeState } from '../view/cpu-map.ts';
import { nodeState } from '../view/testing/node-state.ts';
import { createHttpRoutes, readMetricsState } from './http-routes.ts';
import { Readiness } from '../daemon/readiness.ts';

const topology = parseSynthetic('pack:2 numa:1 l3:2 core:2 pu:2');

function routesOf(readState: () => NodeState | undefined, readiness = new Readiness(() => 0)) {
  const metrics = createMetrics(() => readMetricsState(readState() ?? nodeState(topology)));
  const { readConditions } = readiness;
  const routes = createHttpRoutes({ isStarted: () => true, readConditions, metrics, readState });
  return async (path: string) => {
    const url = new URL(path, 'http://localhost');
    const reply = await routes[url.pathname]?.(url);
    assert(reply, path);
    return { ...reply, body: Buffer.from(reply.body).toString() };
  };
}

test('createHttpRoutes serves metrics, probes and the map', async () => {
  const state = nodeState(topology, { claims: [{ name: 'db', cpus: '0-1' }] });
  const ask = routesOf(() => state);
  assert.match((await ask('/metrics')).contentType, /^text\/plain; version=0\.0\.4/);
  assert.match((await ask('/topology')).body, /^<!doctype html>/);
  const map = JSON.parse((await ask('/topology.json')).body) as { topology?: object; claims: object[] };
  assert.equal(map.claims.length, 1);
  assert(map.topology);
  assert(!('topology' in (JSON.parse((await ask('/topology.json?machine=no')).body) as object)));
});

test('createHttpRoutes answers 503 for the map until the topology is read', async () => {
  const ask = routesOf(() => undefined);
  assert.equal((await ask('/topology')).status, 503);
  assert.equal((await ask('/topology.json')).status, 503);
});

test('C6: readiness fails while the runtime is away, liveness and the reference’s probe stay OK', async () => {
  const readiness = new Readiness(() => 0);
  for (const { name } of readiness.readConditions()) readiness.hold(name as 'nri-synchronized');
  const ask = routesOf(() => nodeState(topology), readiness);
  assert.equal((await ask('/readyz')).status, 200);
  readiness.fail('nri-synchronized', 'the runtime closed the connection');
  const { status, body } = await ask('/readyz');
  assert.equal(status, 503);
  assert.match(body, /^\[-\]nri-synchronized failed: the runtime closed the connection/m);
  assert.equal((await ask('/livez')).status, 200);
  assert.equal((await ask('/healthz')).status, 200);
  readiness.hold('nri-synchronized');
  assert.equal((await ask('/readyz')).status, 200);
});

test('C7: a scrape equals the ledger after each step', async () => {
  const ledger = new Ledger({ allocatable: CpuSet.range(1, 15), reserved: CpuSet.of(0) });
  const ask = routesOf(() => ({ ...nodeState(topology), ledger }));
  const scrape = async () => {
    const lines = (await ask('/metrics')).body.split('\n');
    const read = (name: string) => Number(lines.find((line) => line.startsWith(`${name} `))?.split(' ')[1]);
    return [
      read('dra_cpu_allocated_cpus'),
      read('dra_cpu_available_cpus'),
      read('dra_cpu_reserved_cpus'),
      read('dra_cpu_resource_claims_active'),
      read('dra_cpu_numa_node_free_cpus{numa_node="0"}'),
      read('dra_cpu_l3_cache_allocated_cpus{l3_cache="3"}'),
    ];
  };
  const claim = (uid: string, cpus: CpuSet) => ({ uid, namespace: 'a', name: uid, assignments: [], cpus });
  assert.deepEqual(await scrape(), [0, 15, 1, 0, 7, 0]);
  ledger.reserve(claim('x', CpuSet.of(6, 14)));
  assert.deepEqual(await scrape(), [2, 13, 1, 1, 7, 2]);
  ledger.reserve(claim('y', CpuSet.of(1)));
  assert.deepEqual(await scrape(), [3, 12, 1, 2, 6, 2]);
  ledger.release('x');
  assert.deepEqual(await scrape(), [1, 14, 1, 1, 6, 0]);
});
