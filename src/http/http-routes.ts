import type { Metrics } from '../metrics/metrics.ts';
import type { MetricsState } from '../metrics/metrics-state.ts';
import { describeCpuMap, type NodeState } from '../view/cpu-map.ts';
import type { CpuTopology } from '../topology/topology.ts';
import { renderMapPage } from '../view/map-page.ts';
import { drawMachine } from '../view/topology-svg.ts';
import { measureUsage } from '../view/cpu-usage.ts';
import { type Condition, createHealthRoutes } from './health-routes.ts';
import type { HttpRoute } from './http-server.ts';

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

const NOT_YET = {
  status: 503,
  contentType: 'text/plain; charset=utf-8',
  body: 'the topology is not read yet\n',
} as const;

/** Draws each topology once: a large one takes tens of milliseconds, in which nobody else is answered. */
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
 * (`?machine=no` leaves out the machine itself).
 */
export function createHttpRoutes(sources: HttpSources): Readonly<Record<string, HttpRoute>> {
  const { metrics, readState } = sources;
  const renderMap = createMapRenderer();
  return {
    '/metrics': async () => ({ status: 200, contentType: metrics.contentType, body: await metrics.scrape() }),
    ...createHealthRoutes(sources),
    '/topology': () => {
      const state = readState();
      return state ? { status: 200, contentType: 'text/html; charset=utf-8', body: renderMap(state) } : NOT_YET;
    },
    '/topology.json': (url) => {
      const state = readState();
      if (!state) return NOT_YET;
      const map = describeCpuMap(state, { withTopology: url.searchParams.get('machine') !== 'no' });
      return { status: 200, contentType: 'application/json', body: `${JSON.stringify(map)}\n` };
    },
  };
}
