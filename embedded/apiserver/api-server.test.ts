import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { ApiServer, type ApiServerOptions } from './api-server.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { claim, pod, slice } from './testing/cluster.ts';
import { call, watch } from './testing/http.ts';

const PODS = '/api/v1/namespaces/default/pods';
const SLICES = '/apis/resource.k8s.io/v1/resourceslices';
const CLAIMS = '/apis/resource.k8s.io/v1/namespaces/default/resourceclaims';
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };

/** A length-delimited protobuf field, shorter than 128 bytes. */
function field(number: number, value: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from([number * 8 + 2, value.length]), Buffer.from(value)]);
}

async function startServer(t: TestContext, options: ApiServerOptions = {}): Promise<ApiServer> {
  const server = await ApiServer.start(options);
  t.after(() => server.stop());
  return server;
}

describe('ApiServer', () => {
  let server: ApiServer;
  before(async () => {
    server = await ApiServer.start();
  });
  after(() => server.stop());

  it('creates, reads, replaces, patches and deletes', async () => {
    const made = await call(server, PODS, { method: 'POST', body: pod('crud') });
    assert.equal(made.code, 201);
    const read = await call(server, `${PODS}/crud`);
    assert.deepEqual(read.body, made.body);
    const labelled = { ...read.body, metadata: { ...read.body.metadata, labels: { a: 'b' } } };
    const replaced = await call(server, `${PODS}/crud`, { method: 'PUT', body: labelled });
    assert.deepEqual(replaced.body.metadata.labels, { a: 'b' });
    const stale = await call(server, `${PODS}/crud`, { method: 'PUT', body: { ...labelled, kind: 'Pod' } });
    assert.equal(stale.body.reason, 'Conflict');
    const headers = { 'content-type': 'application/merge-patch+json' };
    const body = { metadata: { labels: { a: null, c: 'd' } } };
    const patched = await call(server, `${PODS}/crud`, { method: 'PATCH', body, headers });
    assert.deepEqual(patched.body.metadata.labels, { c: 'd' });
    const gone = await call(server, `${PODS}/crud`, { method: 'DELETE' });
    assert.equal(gone.body.status, 'Success');
    const missing = await call(server, `${PODS}/crud`);
    assert.equal(missing.code, 404);
    assert.deepEqual(missing.body.details, { name: 'crud', kind: 'pods' });
  });

  it('reads YAML and applies it', async () => {
    const body = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\ndata:\n  a: "1"\n';
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const path = '/api/v1/namespaces/default/configmaps/yaml';
    const nameless = await call(server, path, { method: 'PATCH', body, headers });
    assert.match(nameless.body.message, /fieldManager/);
    const applied = await call(server, `${path}?fieldManager=me`, { method: 'PATCH', body, headers });
    assert.equal(applied.code, 201);
    assert.deepEqual(applied.body.data, { a: '1' });
  });

  it('reads what kubectl sends as protobuf', async () => {
    // What `kubectl create configmap c --from-literal=a=b` puts on the wire, less its empty fields.
    const metadata = field(1, field(1, 'proto'));
    const data = field(2, Buffer.concat([field(1, 'a'), field(2, 'b')]));
    const typeMeta = field(1, Buffer.concat([field(1, 'v1'), field(2, 'ConfigMap')]));
    const body = Buffer.concat([Buffer.from('k8s\0'), typeMeta, field(2, Buffer.concat([metadata, data]))]);
    const headers = { 'content-type': 'application/vnd.kubernetes.protobuf' };
    const path = '/api/v1/namespaces/default/configmaps';
    const made = await call(server, path, { method: 'POST', body: body.toString('utf8'), headers });
    assert.deepEqual([made.code, made.body.metadata?.name, made.body.data], [201, 'proto', { a: 'b' }]);
  });

  it('writes the status through its subresource', async () => {
    await call(server, CLAIMS, { method: 'POST', body: claim('status') });
    const headers = { 'content-type': 'application/merge-patch+json' };
    const result = { request: 'cpu', driver: 'dra.cpu', pool: 'n1', device: 'd' };
    const body = { status: { allocation: { devices: { results: [result] } } } };
    const patched = await call(server, `${CLAIMS}/status/status`, { method: 'PATCH', body, headers });
    assert.deepEqual(patched.body.status, body.status);
    assert.equal((await call(server, `${CLAIMS}/status/scale`)).code, 404);
  });

  it('binds pods', async () => {
    await call(server, PODS, { method: 'POST', body: pod('bound') });
    const body = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'bound' },
      target: { kind: 'Node', name: 'n1' },
    };
    const bound = await call(server, `${PODS}/bound/binding`, { method: 'POST', body });
    assert.equal(bound.code, 201);
    assert.equal((await call(server, `${PODS}/bound`)).body.spec.nodeName, 'n1');
  });

  const refusals: [string, string, Parameters<typeof call>[2], number, RegExp][] = [
    ['a body that is no JSON', PODS, { method: 'POST', body: '{' }, 400, /Cannot read the body/],
    ['a body that is no object', PODS, { method: 'POST', body: [] }, 400, /must be a JSON or YAML object/],
    ['a body that is too large', PODS, { method: 'POST', body: 'x'.repeat(4 * 1024 * 1024) }, 413, /too large/],
    [
      'protobuf',
      PODS,
      { method: 'POST', body: 'x', headers: { 'content-type': 'application/vnd.kubernetes.protobuf' } },
      415,
      /unknown format/,
    ],
    ['an unknown patch type', `${PODS}/x`, { method: 'PATCH', body: {} }, 415, /strategic-merge-patch/],
    [
      'unknown fields when strict',
      `${PODS}?fieldValidation=Strict`,
      { method: 'POST', body: { ...pod('x'), nope: 1 } },
      400,
      /unknown field "nope"/,
    ],
    [
      'an object of another name',
      `${PODS}/x`,
      { method: 'PUT', body: pod('y') },
      400,
      /does not match the name on the URL/,
    ],
    [
      'a method that a path does not take',
      `${PODS}/x`,
      { method: 'POST', body: {} },
      405,
      /does not allow this method/,
    ],
    ['a label selector that it cannot read', `${PODS}?labelSelector=%3D%3D`, {}, 400, /label/],
    ['a field selector that it does not serve', `${PODS}?fieldSelector=spec.x=1`, {}, 400, /field label not supported/],
    [
      'to apply the status of nothing',
      `${PODS}/none/status?fieldManager=me`,
      { method: 'PATCH', body: pod('none'), headers: { 'content-type': 'application/apply-patch+yaml' } },
      404,
      /not found/,
    ],
    [
      'what is not valid',
      SLICES,
      { method: 'POST', body: { metadata: { name: 'x' }, spec: {} } },
      422,
      /spec.driver: Required value/,
    ],
  ];
  for (const [what, path, request, code, message] of refusals) {
    it(`refuses ${what}`, async () => {
      const { code: got, body } = await call(server, path, request);
      assert.equal(got, code);
      assert.equal(body.kind, 'Status');
      assert.match(body.message, message);
    });
  }

  it('answers what is no resource', async () => {
    assert.equal((await call(server, '/healthz')).body, 'ok');
    assert.equal((await call(server, '/readyz/ping')).body, 'ok');
    assert.equal((await call(server, '/version')).body.minor, '36');
    assert.equal((await call(server, '/nope')).code, 404);
    const groups = (await call(server, '/apis')).body.groups.map(({ name }: { name: string }) => name);
    assert.deepEqual(groups, ['events.k8s.io', 'resource.k8s.io']);
    const { resources } = (await call(server, '/apis/resource.k8s.io/v1')).body;
    assert.ok(resources.some(({ name }: { name: string }) => name === 'resourceclaims/status'));
    assert.equal((await call(server, '/apis/resource.k8s.io')).body.preferredVersion.version, 'v1');
    const { paths } = (await call(server, '/openapi/v3')).body;
    const document = await call(server, paths['apis/resource.k8s.io/v1'].serverRelativeURL);
    assert.ok(document.body.components.schemas['io.k8s.api.ResourceSliceSpec'].properties.devices);
  });

  it('lists in pages', async () => {
    for (const name of ['p1', 'p2', 'p3']) {
      const body = { metadata: { name, labels: { page: 'yes' } } };
      await call(server, '/api/v1/namespaces/default/configmaps', { method: 'POST', body });
    }
    const path = '/api/v1/configmaps?labelSelector=page%3Dyes&limit=2';
    const first = (await call(server, path)).body;
    assert.equal(first.kind, 'ConfigMapList');
    assert.equal(first.items[0].kind, undefined);
    assert.equal(first.metadata.remainingItemCount, 1);
    const second = (await call(server, `${path}&continue=${first.metadata.continue}`)).body;
    const names = [...first.items, ...second.items].map(({ metadata }) => metadata.name);
    assert.deepEqual(names, ['p1', 'p2', 'p3']);
    assert.equal(second.metadata.continue, undefined);
  });

  it('prints tables', async () => {
    await call(server, SLICES, { method: 'POST', body: slice('table', []) });
    const table = (await call(server, `${SLICES}?fieldSelector=spec.nodeName%3Dtable`, { headers: TABLE })).body;
    assert.equal(table.kind, 'Table');
    assert.deepEqual(
      table.columnDefinitions.map(({ name }: { name: string }) => name),
      ['Name', 'Node', 'Driver', 'Pool', 'Age'],
    );
    assert.deepEqual(table.rows[0].cells.slice(0, 4), ['00000-dra.cpu-table', 'table', 'dra.cpu', 'table']);
    assert.equal(table.rows[0].object.kind, 'PartialObjectMetadata');
  });

  it('counts requests by verb and resource', async () => {
    server.counts.clear();
    await call(server, PODS);
    await call(server, `${PODS}/none`);
    assert.deepEqual(server.counts.all(), { 'list pods': 1, 'get pods': 1 });
    assert.equal(server.counts.of('list', 'pods'), 1);
    assert.equal(server.counts.total, 2);
  });
});

describe('ApiServer watches', () => {
  it('begin with what is there and go on', async (t) => {
    const server = await startServer(t);
    server.store.create('configmaps', { metadata: { name: 'old' } });
    const events = await watch(server, '/api/v1/configmaps?watch=true');
    assert.equal((await events.next())?.object.metadata.name, 'old');
    server.store.delete('configmaps', 'old');
    const { type, object } = (await events.next())!;
    assert.deepEqual([type, object.kind], ['DELETED', 'ConfigMap']);
    events.close();
  });

  it('tell a client that it comes too late', async (t) => {
    const server = await startServer(t);
    const from = server.store.resourceVersion;
    server.store.create('configmaps', { metadata: { name: 'a' } });
    server.store.forgetHistory();
    const events = await watch(server, `/api/v1/configmaps?watch=true&resourceVersion=${from}`);
    const { type, object } = (await events.next())!;
    assert.deepEqual([type, object.code, object.reason], ['ERROR', 410, 'Expired']);
    assert.equal(await events.next(), undefined);
  });

  it('refuse a resourceVersion that is none', async (t) => {
    const server = await startServer(t);
    const events = await watch(server, '/api/v1/pods?watch=true&resourceVersion=x');
    const { type, object } = (await events.next())!;
    assert.deepEqual([type, object.code], ['ERROR', 400]);
  });

  it('mark the end of the initial objects', async (t) => {
    const server = await startServer(t);
    server.store.create('configmaps', { metadata: { name: 'a' } });
    const query = 'watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan';
    const events = await watch(server, `/api/v1/configmaps?${query}`);
    assert.equal((await events.next())?.type, 'ADDED');
    const bookmark = (await events.next())!;
    assert.equal(bookmark.type, 'BOOKMARK');
    assert.equal(bookmark.object.metadata.annotations['k8s.io/initial-events-end'], 'true');
    assert.equal(bookmark.object.metadata.resourceVersion, server.store.resourceVersion);
    events.close();
  });

  it('send tables, the header once', async (t) => {
    const server = await startServer(t);
    const events = await watch(server, '/api/v1/pods?watch=true', TABLE);
    server.store.create('pods', pod('a'));
    server.store.create('pods', pod('b'));
    assert.equal((await events.next())?.object.columnDefinitions[0].name, 'Name');
    assert.equal((await events.next())?.object.columnDefinitions, null);
    events.close();
  });

  it('end after their time', async (t) => {
    const server = await startServer(t);
    const events = await watch(server, '/api/v1/pods?watch=true&timeoutSeconds=0.05');
    assert.equal(await events.next(), undefined);
  });

  it('are forgotten when the client goes', async (t) => {
    const server = await startServer(t);
    const before = server.store.watcherCount;
    const events = await watch(server, '/api/v1/pods?watch=true');
    assert.equal(server.store.watcherCount, before + 1);
    events.close();
    const deadline = Date.now() + 5000;
    while (server.store.watcherCount > before && Date.now() < deadline)
      await new Promise((resolve) => setImmediate(resolve));
    assert.equal(server.store.watcherCount, before);
  });
});

describe('ApiServer faults', () => {
  it('fail the requests they name, as often as asked', async (t) => {
    const server = await startServer(t);
    server.faults.failNext({ answer: 'ServiceUnavailable', verb: 'list', resource: 'pods', times: 2 });
    assert.equal((await call(server, '/api/v1/nodes')).code, 200);
    assert.equal((await call(server, PODS)).code, 503);
    assert.equal((await call(server, PODS)).code, 503);
    assert.equal((await call(server, PODS)).code, 200);
    server.faults.failNext({ answer: 'reset' });
    await assert.rejects(call(server, PODS), { code: 'ECONNRESET' });
    server.faults.failNext({ answer: 'TooManyRequests', resource: 'nodes' });
    server.faults.clear();
    assert.equal((await call(server, '/api/v1/nodes')).code, 200);
  });

  it('delay every answer', async (t) => {
    const server = await startServer(t);
    server.faults.latencyMs = 30;
    const start = performance.now();
    await call(server, '/healthz');
    assert.ok(performance.now() - start >= 29);
  });

  it('take the server away and bring it back under the same URL', async (t) => {
    const server = await startServer(t);
    const events = await watch(server, '/api/v1/pods?watch=true');
    server.store.create('pods', pod('kept'));
    await events.next();
    const broken = assert.rejects(async () => {
      if ((await events.next()) === undefined) throw new Error('ended');
    });
    const { url } = server;
    await server.pause();
    await broken;
    await assert.rejects(call(server, PODS), { code: 'ECONNREFUSED' });
    await server.resume();
    assert.equal(server.url, url);
    assert.equal((await call(server, `${PODS}/kept`)).code, 200);
  });

  it('hide group versions that are not served', async (t) => {
    const server = await startServer(t, { unserved: ['resource.k8s.io/v1'] });
    assert.equal((await call(server, SLICES)).code, 404);
    assert.equal((await call(server, '/apis/resource.k8s.io/v1')).code, 404);
    assert.equal((await call(server, PODS)).code, 200);
    server.unserved.clear();
    assert.equal((await call(server, SLICES)).code, 200);
  });

  it('ask for a token where one is required', async (t) => {
    const server = await startServer(t, { requiredToken: 'secret' });
    assert.equal((await call(server, PODS)).code, 401);
    const headers = { authorization: 'Bearer secret' };
    assert.equal((await call(server, PODS, { headers })).code, 200);
    server.requiredToken = 'rotated';
    assert.equal((await call(server, PODS, { headers })).code, 401);
  });
});

describe('writeKubeconfig', () => {
  it('writes a file that only its owner reads', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
    t.after(() => rm(directory, { recursive: true }));
    const path = join(directory, 'config');
    await writeKubeconfig(path, { server: 'http://127.0.0.1:1' });
    assert.match(await readFile(path, 'utf8'), /server: http:\/\/127\.0\.0\.1:1/);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });
});
