import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { asObject } from '../lib/json.ts';
import { eventually } from '../lib/testing/eventually.ts';
import { claim } from '../../embedded/apiserver/testing/cluster.ts';
import { type ApiObject, NODES, pathOf, RESOURCE_CLAIMS } from './api-object.ts';
import { fetchClaim } from './claims/fetch-claim.ts';
import { readLines } from './read-lines.ts';
import { newClient, newCluster } from './testing/cluster.ts';
import type { WatchEvent } from './watch-event.ts';

const n1 = { resource: NODES, name: 'n1' };

type Labelled = ApiObject & { metadata: { labels?: Record<string, string> } };

describe('ApiClient', () => {
  it('creates, reads, changes and deletes objects', async (t) => {
    const { client } = await newCluster(t);
    const made = await client.create<ApiObject>({ resource: NODES }, { metadata: { name: 'n2' } });
    assert.equal(made.metadata.name, 'n2');
    const { items, resourceVersion } = await client.list({ resource: NODES }, { fieldSelector: 'metadata.name=n2' });
    assert.deepEqual(
      items.map(({ metadata }) => metadata.uid),
      [made.metadata.uid],
    );
    assert.ok(Number(resourceVersion) >= Number(made.metadata.resourceVersion));
    const n2 = { resource: NODES, name: 'n2' };
    const merged = await client.patch<Labelled>(n2, { type: 'merge', body: { metadata: { labels: { a: 'b' } } } });
    assert.deepEqual(merged.metadata.labels, { a: 'b' });
    const replace = [{ op: 'replace', path: '/metadata/labels/a', value: 'c' }];
    assert.deepEqual((await client.patch<Labelled>(n2, { type: 'json', body: replace })).metadata.labels, { a: 'c' });
    const applied = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n2', labels: { x: 'y' } } };
    await client.patch(n2, { type: 'apply', body: applied, force: true }, { fieldManager: 'test' });
    await assert.rejects(client.update(n2, { ...made, kind: 'Node', apiVersion: 'v1' }), {
      code: 'Conflict',
      status: 409,
    });
    await assert.rejects(client.delete(n2, { preconditions: { uid: 'other' } }), { code: 'Conflict' });
    const dry = await client.patch<Labelled>(
      n2,
      { type: 'merge', body: { metadata: { labels: null } } },
      { dryRun: true },
    );
    assert.equal(dry.metadata.labels, undefined);
    assert.deepEqual((await client.get<Labelled>(n2)).metadata.labels, { a: 'c', x: 'y' });
    await client.delete(n2);
    await assert.rejects(client.get(n2), {
      name: 'ApiError',
      code: 'NotFound',
      message: /^Cannot get nodes "n2": the API server answers 404 NotFound: nodes "n2" not found$/,
    });
    assert.equal(asObject(await client.getDocument('/version'))['gitVersion'], 'v1.36.0');
  });

  it('reads lists longer than a page', async (t) => {
    const { server, client } = await newCluster(t);
    for (let index = 0; index < 1_100; index += 1) server.store.create('nodes', { metadata: { name: `m${index}` } });
    const { items } = await client.list({ resource: NODES });
    assert.equal(new Set(items.map(({ metadata }) => metadata.name)).size, 1_101);
    assert.equal(server.counts.of('list', 'nodes'), 5);
  });

  it('tells an absent object from an absent API', async (t) => {
    const { server, client } = await newCluster(t, { unserved: ['resource.k8s.io/v1'] });
    await assert.rejects(client.get({ resource: RESOURCE_CLAIMS, namespace: 'default', name: 'x' }), {
      code: 'NotServed',
    });
    server.unserved.clear();
    await assert.rejects(client.get({ resource: RESOURCE_CLAIMS, namespace: 'default', name: 'x' }), {
      code: 'NotFound',
    });
  });

  it('carries causes and the wish to wait', async (t) => {
    const answer = {
      kind: 'Status',
      reason: 'TooManyRequests',
      message: 'later',
      details: { retryAfterSeconds: 3, causes: [{ field: 'spec.x', message: 'bad', reason: 'Odd' }] },
    };
    const server = createServer((_request, response) => response.writeHead(429).end(JSON.stringify(answer)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => void server.close());
    const client = newClient(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await assert.rejects(client.get(n1), (error: Error) => {
      const { code, retryAfterMs, causes, isTransient } = error as never;
      assert.deepEqual([code, retryAfterMs, isTransient], ['TooManyRequests', 3_000, true]);
      assert.deepEqual(causes, [{ field: 'spec.x', message: 'bad' }]);
      return true;
    });
  });

  it('gives up in time, or when asked to', async (t) => {
    const { server, client } = await newCluster(t);
    server.faults.latencyMs = 200;
    await assert.rejects(client.get(n1, { timeoutMs: 20 }), { code: 'Timeout', message: /nodes "n1".*within 20 ms/ });
    const controller = new AbortController();
    const reason = new Error('enough');
    setTimeout(() => controller.abort(reason), 10);
    await assert.rejects(client.get(n1, { signal: controller.signal }), reason);
    await assert.rejects(client.get(n1, { signal: controller.signal }), reason);
  });

  it('names a server that is not there', async (t) => {
    const { server, client } = await newCluster(t);
    await server.pause();
    await assert.rejects(client.get(n1), { code: 'Unreachable', status: undefined, message: /ECONNREFUSED/ });
  });

  it('sends a request again when the server closed its idle connection', async (t) => {
    const { server, client } = await newCluster(t);
    for (let round = 0; round < 5; round += 1) {
      await client.get(n1);
      await server.pause();
      await server.resume();
    }
    assert.equal((await client.get(n1)).metadata.name, 'n1');
  });

  it('watches from a resourceVersion until the server ends it', async (t) => {
    const { server, client } = await newCluster(t);
    const { resourceVersion } = await client.list({ resource: NODES });
    const { signal } = new AbortController();
    const events: WatchEvent<ApiObject>[] = [];
    const options = { resourceVersion, fieldSelector: 'metadata.name=n2', durationMs: 500, signal };
    const reading = (async () => {
      for await (const event of client.watch({ resource: NODES }, options)) events.push(event);
    })();
    server.store.create('nodes', { metadata: { name: 'n2' } });
    server.store.create('nodes', { metadata: { name: 'n3' } });
    server.store.delete('nodes', 'n2');
    await eventually('two events', () => events.length === 2);
    await reading;
    assert.deepEqual(
      events.map(({ type }) => type),
      ['ADDED', 'DELETED'],
    );
  });

  it('tells that a watch begins too far back', async (t) => {
    const { server, client } = await newCluster(t);
    server.store.create('nodes', { metadata: { name: 'n2' } });
    server.store.forgetHistory();
    const { signal } = new AbortController();
    const events = client.watch({ resource: NODES }, { resourceVersion: '100', durationMs: 1_000, signal });
    await assert.rejects(events.next(), { code: 'Expired', status: 410 });
  });
});

describe('pathOf', () => {
  it('keeps names from reaching other paths', () => {
    const path = pathOf({ resource: RESOURCE_CLAIMS, namespace: 'a/../b', name: 'x?y', subresource: 'status' });
    assert.equal(path, '/apis/resource.k8s.io/v1/namespaces/a%2F..%2Fb/resourceclaims/x%3Fy/status');
  });
});

describe('readLines', () => {
  it('gives the same lines however the bytes are cut', async () => {
    const line = fc.string({ minLength: 1 }).filter((text) => !text.includes('\n'));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat({ max: 9 })), async (lines, cuts) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join('') + 'rest');
        async function* chunks() {
          let start = 0;
          for (const cut of cuts) yield bytes.subarray(start, (start += cut));
          yield bytes.subarray(start);
        }
        const read: string[] = [];
        for await (const text of readLines(chunks(), { bytesMax: 1 << 20 })) read.push(text);
        assert.deepEqual(read, lines);
      }),
    );
  });
});

describe('fetchClaim', () => {
  it('reads a claim, and undefined where there is none', async (t) => {
    const { server, client } = await newCluster(t);
    server.store.create('resourceclaims', claim('db'));
    const found = (await fetchClaim(client, { namespace: 'default', name: 'db' })) as ApiObject;
    assert.equal(found.metadata.name, 'db');
    assert.equal(await fetchClaim(client, { namespace: 'default', name: 'none' }), undefined);
  });

  it('is patient with a busy server, but not with a refusal or for ever', async (t) => {
    const { server, client } = await newCluster(t);
    server.store.create('resourceclaims', claim('db'));
    const name = { namespace: 'default', name: 'db' };
    server.faults.failNext({ answer: 'ServiceUnavailable', resource: 'resourceclaims' });
    server.faults.failNext({ answer: 'reset', resource: 'resourceclaims' });
    assert.notEqual(await fetchClaim(client, name), undefined);
    server.faults.failNext({ answer: 'Forbidden', resource: 'resourceclaims' });
    await assert.rejects(fetchClaim(client, name), { code: 'Forbidden' });
    server.faults.failNext({ answer: 'ServiceUnavailable', resource: 'resourceclaims', times: Infinity });
    await assert.rejects(fetchClaim(client, name, { patienceMs: 150 }), { code: 'ServiceUnavailable' });
    server.faults.clear();
    server.unserved.add('resource.k8s.io/v1');
    await assert.rejects(fetchClaim(client, name), { code: 'NotServed' });
  });
});
