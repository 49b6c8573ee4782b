import type { Metrics } from '../metrics/metrics.ts';
import type { MetricsState } from '../metrics/metrics-state.ts';
import { describeCpuMap, type NodeState } from '../view/cpu-map.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { renderMapPage } from '../view/map-page.ts';
import { drawMachine } from '../view/topology-svg.ts';
import { measureUsage } from '../view/cpu-usage.ts';
import { type Condition, createHealthRoutes } from './health-routes.ts';
import { textReply } from './http-reply.ts';
import type { HttpRoute } from './http-server.ts';
import { limitRenders } from './limit-renders.ts';

/** What the driver's pages are made of; all of it is asked at every request. */
export interface HttpSources {
  /** Whether start-up is over. */
  readonly isStarted: () => boolean;
  readonly readConditions: () => readonly Condition[];
  readonly metrics: Pick<Metrics, 'contentType' | 'scrape'>;
  /** The node as it is now; undefined before its topology was read. */
  readonly readState: () => NodeState | undefined;
}

/** What gauges show of a node at this moment. */
export function readMetricsState({ topology, ledger, conditions, findings }: NodeState): MetricsState {
  const { free, taken, supply, sharedPool, claims } = ledger;
  return {
    allocatedCpus: taken.size,
    availableCpus: free.size,
    reservedCpus: supply.reserved.size,
    activeClaims: claims.length,
    sharedPoolCpus: sharedPool.size,
    topologyProblems: topology.problems.length,
    ...measureUsage(topology, { free, taken }),
    conditions,
    findings,
  };
}

const NOT_YET = textReply(503, 'the topology is not read yet\n');

/** Draws each topology once: a large one takes tens of milliseconds, in which nothing else is answered. */
function createMapRenderer(): (state: NodeState) => string {
  let last: { readonly topology: CpuTopology; readonly machine: string } | undefined;
  return (state) => {
    const { topology } = state;
    if (last?.topology !== topology) last = { topology, machine: drawMachine(topology) };
    return renderMapPage(state, last.machine);
  };
}

/**
 * Everything the driver serves over HTTP: `/metrics`, the probes, and the map of who owns which CPU as a page and as JSON
 * (`?machine=no` leaves out the machine itself). Each page is rendered at most once per second.
 */
export function createHttpRoutes(sources: HttpSources): Readonly<Record<string, HttpRoute>> {
  const { metrics, readState } = sources;
  const renderMap = createMapRenderer();
  const page = (contentType: string, render: (state: NodeState) => string) =>
    limitRenders(() => {
      const state = readState();
      return state ? { status: 200, contentType, body: Buffer.from(render(state)) } : NOT_YET;
    });
  const json = (withTopology: boolean) =>
    page('application/json', (state) => `${JSON.stringify(describeCpuMap(state, { withTopology }))}\n`);
  const [map, mapWithoutMachine] = [json(true), json(false)];
  return {
    '/metrics': limitRenders(async () => {
      const body = Buffer.from(await metrics.scrape());
      return { status: 200, contentType: metrics.contentType, body };
    }),
    ...createHealthRoutes(sources),
    '/topology': page('text/html; charset=utf-8', renderMap),
    '/topology.json': (url) => (url.searchParams.get('machine') === 'no' ? mapWithoutMachine() : map()),
  };
}
