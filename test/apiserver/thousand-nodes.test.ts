/** A cluster whose nodes all start, and all lose the API server, at the same moment. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ApiClient } from '../../src/apiserver/client.ts';
import { ApiConnection } from '../../src/apiserver/connection.ts';
import { SlicePublisher } from '../../src/apiserver/slices/slice-publisher.ts';
import { groupedDevice } from '../../src/apiserver/testing/cluster.ts';
import { silentLog } from '../../src/lib/log.ts';
import { eventually } from '../../src/lib/testing/eventually.ts';
import { ApiServer } from '../../embedded/apiserver/api-server.ts';

const NODE_COUNT = 1_000;
const DEADLINE_MS = 120_000;

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Notes how many requests had come by when. */
class LoadMeter {
  readonly #startedMs = performance.now();
  readonly #samples: { atMs: number; total: number }[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(server: ApiServer) {
    this.#timer = setInterval(() => {
      this.#samples.push({ atMs: performance.now() - this.#startedMs, total: server.counts.total });
    }, 20);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The most requests that had come within so much time of the start. */
  within(ms: number): number {
    return Math.max(0, ...this.#samples.filter(({ atMs }) => atMs <= ms).map(({ total }) => total));
  }
}

it('SlicePublisher: a thousand nodes at once are a spread and bounded load', {
  timeout: 3 * DEADLINE_MS,
}, async (t) => {
  const server = await ApiServer.start();
  t.after(() => server.stop());
  const random = seededRandom(1);
  const publishers = Array.from({ length: NODE_COUNT }, (_, index) => {
    const nodeName = `node-${index}`;
    server.store.create('nodes', { metadata: { name: nodeName } });
    const connection = new ApiConnection({ server: new URL(server.url), skipTlsVerify: false }, { environment: {} });
    // Server and clients share one process here: on a busy machine it is slow, and that is no reason to ask twice.
    const client = new ApiClient(connection, { userAgent: 'test', timeoutMs: DEADLINE_MS });
    const publisher = new SlicePublisher({ client, driverName: 'dra.cpu', nodeName, log: silentLog, random });
    publisher.setDevices([groupedDevice('cpudevnuma000', 64), groupedDevice('cpudevnuma001', 64)]);
    t.after(async () => {
      await publisher.stop();
      connection.close();
    });
    return publisher;
  });
  const allPublished = () => publishers.every(({ state }) => state.kind === 'published');
  const allWatching = () => server.store.watcherCount >= NODE_COUNT;

  const start = new LoadMeter(server);
  for (const publisher of publishers) publisher.start();
  await eventually('all published', () => allPublished() && allWatching(), DEADLINE_MS);
  start.stop();
  assert.equal(server.store.list('resourceslices').items.length, NODE_COUNT);
  const expected = { 'list resourceslices': 1, 'watch resourceslices': 1, 'get nodes': 1, 'create resourceslices': 1 };
  for (const [what, perNode] of Object.entries(expected)) {
    assert.equal(server.counts.all()[what], perNode * NODE_COUNT, what);
  }
  assert.equal(server.counts.total, 4 * NODE_COUNT);
  // Three seconds of jitter: a slow machine can only be later than this.
  for (const seconds of [0.5, 1, 1.5, 2, 2.5]) {
    const share = seconds / 3 + 0.1;
    const count = start.within(seconds * 1_000);
    assert.ok(count <= share * 4 * NODE_COUNT, `${count} requests within ${seconds} s`);
  }

  // An outage of a second: every node comes back by itself, at its own time, and resumes without listing.
  server.counts.clear();
  await server.pause();
  const outage = new LoadMeter(server);
  setTimeout(() => void server.resume(), 1_000);
  await eventually('all watching again', () => server.counts.of('watch', 'resourceslices') >= NODE_COUNT, DEADLINE_MS);
  outage.stop();
  assert.equal(server.counts.of('watch', 'resourceslices'), NODE_COUNT);
  assert.equal(server.counts.of('list', 'resourceslices'), 0);
  assert.equal(server.counts.total, NODE_COUNT);
  assert.ok(outage.within(1_250) <= 0.5 * NODE_COUNT, `${outage.within(1_250)} nodes within 250 ms`);
  assert.ok(allPublished());
});
