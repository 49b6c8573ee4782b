import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { silentLog } from '../lib/log.ts';
import { eventually } from '../lib/testing/eventually.ts';
import { type ApiObject, NODES } from './api-object.ts';
import { ResourceCache } from './resource-cache.ts';
import { newCluster } from './testing/cluster.ts';

async function newCache(t: TestContext) {
  const { server, client } = await newCluster(t);
  const failures: unknown[] = [];
  const cache = new ResourceCache<ApiObject>({
    client,
    address: { resource: NODES },
    log: silentLog,
    onChange: () => {},
    onFailure: (error) => failures.push(error),
    retry: { initialMs: 5, maxMs: 20 },
  });
  t.after(() => cache.stop());
  const names = () => cache.objects.map(({ metadata }) => metadata.name).sort();
  return { server, cache, failures, names };
}

describe('ResourceCache', () => {
  it('follows writes with one list and one watch', async (t) => {
    const { server, cache, names } = await newCache(t);
    assert.equal(cache.isFilled, false);
    cache.start();
    await eventually('filled', () => cache.isFilled);
    server.store.create('nodes', { metadata: { name: 'n2' } });
    server.store.delete('nodes', 'n1');
    await eventually('n2 alone', () => names().join() === 'n2');
    assert.deepEqual([server.counts.of('list', 'nodes'), server.counts.of('watch', 'nodes')], [1, 1]);
  });

  it('resumes a broken watch where it ended, without a list', async (t) => {
    const { server, cache, failures, names } = await newCache(t);
    cache.start();
    await eventually('watching', () => server.counts.of('watch', 'nodes') === 1);
    await server.pause();
    server.store.create('nodes', { metadata: { name: 'n2' } });
    await eventually('failed', () => failures.length > 0);
    await server.resume();
    await eventually('caught up', () => names().join() === 'n1,n2');
    assert.equal(server.counts.of('list', 'nodes'), 1);
  });

  it('lists again when the server has forgotten where it was, and drops what went meanwhile', async (t) => {
    const { server, cache, names } = await newCache(t);
    cache.start();
    await eventually('watching', () => server.counts.of('watch', 'nodes') === 1);
    await server.pause();
    server.store.delete('nodes', 'n1');
    server.store.create('nodes', { metadata: { name: 'n2' } });
    server.store.forgetHistory();
    await server.resume();
    await eventually('caught up', () => names().join() === 'n2');
    assert.equal(server.counts.of('list', 'nodes'), 2);
  });

  it('lists again also when the server says "Gone"', async (t) => {
    const { server, cache } = await newCache(t);
    server.faults.failNext({ answer: 'Gone', verb: 'watch' });
    cache.start();
    await eventually('watching', () => server.counts.of('watch', 'nodes') === 2);
    assert.equal(server.counts.of('list', 'nodes'), 2);
  });

  it('slows down when the server forgets ever again', async (t) => {
    const { server, cache } = await newCache(t);
    server.faults.failNext({ answer: 'Expired', verb: 'watch', times: 10 });
    const startedMs = performance.now();
    cache.start();
    await eventually('watching', () => server.counts.of('watch', 'nodes') === 11);
    // 2.5 + 5 + 10 ms and seven times 10 ms at least.
    assert.ok(performance.now() - startedMs > 80);
    assert.equal(server.counts.of('list', 'nodes'), 11);
  });
});
