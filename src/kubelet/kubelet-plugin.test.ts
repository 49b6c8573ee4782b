import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectSocket, createServer } from 'node:net';
import { dirname } from 'node:path';
import test from 'node:test';
import { callUnary } from '../lib/grpc-call.ts';
import { silentLog } from '../lib/log.ts';
import { eventually } from '../lib/testing/eventually.ts';
import type { ClaimReference } from './claim-handler.ts';
import type { KubeletCall } from './dra-service.ts';
import { KubeletPlugin } from './kubelet-plugin.ts';
import type { RegistrationVerdict } from './registration-service.ts';
import {
  connectTo,
  DRA_V1,
  DRA_V1BETA1,
  obligingHandler,
  REGISTRATION,
  startPlugin,
  temporaryRoot,
  TIMEOUT_MS,
} from './testing/plugin-fixture.ts';

const CLAIM_A: ClaimReference = { uid: 'uid-a', namespace: 'shop', name: 'a' };
const CLAIM_B: ClaimReference = { uid: 'uid-b', namespace: 'shop', name: 'b' };
const both = { request: { claims: [CLAIM_A, CLAIM_B] }, timeoutMs: TIMEOUT_MS };

test('KubeletPlugin tells the kubelet who it is', async (t) => {
  const { paths } = await startPlugin(t);
  const client = connectTo(t, paths.registration);
  assert.deepEqual(await callUnary(client, REGISTRATION.getInfo, { request: {}, timeoutMs: TIMEOUT_MS }), {
    type: 'DRAPlugin',
    name: 'dra.cpu',
    endpoint: paths.endpoint,
    supportedVersions: ['v1.DRAPlugin', 'v1beta1.DRAPlugin'],
  });
});

test("KubeletPlugin passes the kubelet's verdict on, good and bad", async (t) => {
  const verdicts: RegistrationVerdict[] = [];
  const { paths } = await startPlugin(t, { onRegistration: (verdict) => verdicts.push(verdict) });
  const client = connectTo(t, paths.registration);
  for (const request of [
    { pluginRegistered: false, error: 'driver name taken' },
    { pluginRegistered: true, error: '' },
  ]) {
    await callUnary(client, REGISTRATION.notifyRegistrationStatus, { request, timeoutMs: TIMEOUT_MS });
  }
  assert.deepEqual(verdicts, [{ registered: false, error: 'driver name taken' }, { registered: true }]);
});

test('KubeletPlugin prepares claims over v1 with share ids, over v1beta1 without', async (t) => {
  const calls: KubeletCall[] = [];
  const { paths } = await startPlugin(t, { onCall: (call) => calls.push(call) });
  const client = connectTo(t, paths.endpoint);
  const device = (name: string) => ({
    requestNames: ['cpus'],
    poolName: 'node-a',
    deviceName: name,
    cdiDeviceIds: [`dra.k8s.io/cpu=claim-uid-${name}`],
  });
  const entry = (name: string, share: object) => [
    `uid-${name}`,
    { devices: [{ ...device(name), ...share }], error: '' },
  ];
  assert.deepEqual(await callUnary(client, DRA_V1.nodePrepareResources, both), {
    claims: Object.fromEntries(['a', 'b'].map((name) => entry(name, { shareId: 'share-1' }))),
  });
  assert.deepEqual(await callUnary(client, DRA_V1BETA1.nodePrepareResources, both), {
    claims: Object.fromEntries(['a', 'b'].map((name) => entry(name, {}))),
  });
  assert.deepEqual(await callUnary(client, DRA_V1BETA1.nodeUnprepareResources, both), {
    claims: { 'uid-a': { error: '' }, 'uid-b': { error: '' } },
  });
  assert.deepEqual(
    calls.map(({ method, claims, failed }) => [method, claims, failed]),
    [
      ['NodePrepareResources', 2, 0],
      ['NodePrepareResources', 2, 0],
      ['NodeUnprepareResources', 2, 0],
    ],
  );
});

test('KubeletPlugin answers exactly one entry per claim, whatever the handler gives', async (t) => {
  const { paths } = await startPlugin(t, {
    handler: {
      prepare: async () => [
        { uid: 'uid-a', error: 'no CPUs' },
        { uid: 'unasked', devices: [] },
      ],
      unprepare: () => Promise.reject(new Error('disk full')),
    },
  });
  const client = connectTo(t, paths.endpoint);
  const prepared = await callUnary(client, DRA_V1.nodePrepareResources, both);
  assert.deepEqual(Object.keys(prepared.claims), ['uid-a', 'uid-b']);
  assert.equal(prepared.claims['uid-a']?.error, 'no CPUs');
  assert.match(prepared.claims['uid-b']?.error ?? '', /^Cannot answer for the claim: /);
  assert.deepEqual(await callUnary(client, DRA_V1.nodeUnprepareResources, both), {
    claims: { 'uid-a': { error: 'disk full' }, 'uid-b': { error: 'disk full' } },
  });
});

test('KubeletPlugin answers with short errors, however long the reason is (issue 13, line 18)', async (t) => {
  const reason = 'x'.repeat(1 << 20);
  const { paths } = await startPlugin(t, {
    handler: {
      prepare: async () => [{ uid: 'uid-a', error: reason }],
      unprepare: () => Promise.reject(new Error(reason)),
    },
  });
  const client = connectTo(t, paths.endpoint);
  const prepared = await callUnary(client, DRA_V1.nodePrepareResources, both);
  const unprepared = await callUnary(client, DRA_V1.nodeUnprepareResources, both);
  for (const { claims } of [prepared, unprepared]) {
    assert.match(claims['uid-a']?.error ?? '', /^x{4096}\.\.\. \(1048576 characters\)$/);
  }
});

test('KubeletPlugin runs calls side by side', async (t) => {
  let waiting = 0;
  const { promise: allThere, resolve } = Promise.withResolvers<void>();
  const { paths } = await startPlugin(t, {
    handler: {
      ...obligingHandler,
      prepare: async (claims) => {
        waiting += 1;
        if (waiting === 8) resolve();
        await allThere;
        return obligingHandler.prepare(claims);
      },
    },
  });
  const client = connectTo(t, paths.endpoint);
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => callUnary(client, DRA_V1.nodePrepareResources, both)),
  );
  assert.ok(answers.every(({ claims }) => claims['uid-b']?.error === ''));
});

// The kubelet dials the registration socket by its bare path: grpc-go then sends the percent-encoded path as :authority.
for (const authority of ['localhost', '%2Fvar%2Flib%2Fkubelet%2Fplugins_registry%2Fdra.cpu-reg.sock']) {
  test(`KubeletPlugin accepts the :authority ${authority}`, async (t) => {
    const { paths } = await startPlugin(t);
    const session = connectHttp2('http://localhost', { createConnection: () => connectSocket(paths.registration) });
    t.after(() => session.destroy());
    const stream = session.request({
      ':method': 'POST',
      ':authority': authority,
      ':path': REGISTRATION.getInfo.path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.end(Buffer.alloc(5));
    const [headers] = (await once(stream, 'response')) as [Record<string, string>];
    assert.equal(headers[':status'], 200);
    stream.resume();
    const [trailers] = (await once(stream, 'trailers')) as [Record<string, string>];
    assert.equal(trailers['grpc-status'], '0');
  });
}

test('KubeletPlugin R13: a kubelet that hung up, as it does when idle, is answered when it comes back', async (t) => {
  const { paths } = await startPlugin(t);
  for (let round = 0; round < 3; round += 1) {
    const client = connectTo(t, paths.endpoint);
    const answer = await callUnary(client, DRA_V1.nodePrepareResources, both);
    assert.equal(Object.keys(answer.claims).length, 2);
    client.close();
  }
});

test('KubeletPlugin replaces stale sockets and stray files', async (t) => {
  const { plugin, paths } = await startPlugin(t);
  await plugin.stop();
  await writeFile(paths.registration, 'left behind');
  const again = new KubeletPlugin({
    driverName: 'dra.cpu',
    registrationSocketPath: paths.registration,
    endpointSocketPath: paths.endpoint,
    handler: obligingHandler,
    onRegistration: () => {},
    log: silentLog,
  });
  await again.start();
  try {
    assert.ok((await stat(paths.registration)).isSocket());
  } finally {
    await again.stop();
  }
});

test('KubeletPlugin refuses a socket that another process answers, and leaves nothing open', async (t) => {
  const root = await temporaryRoot(t);
  const registrationSocketPath = `${root}/reg.sock`;
  const other = createServer().listen(registrationSocketPath);
  t.after(() => other.close());
  await once(other, 'listening');
  const plugin = new KubeletPlugin({
    driverName: 'dra.cpu',
    registrationSocketPath,
    endpointSocketPath: `${root}/plugins/dra.sock`,
    handler: obligingHandler,
    onRegistration: () => {},
    log: silentLog,
  });
  await assert.rejects(plugin.start(), { code: 'SocketInUse', message: /another process answers there; stop/ });
  assert.deepEqual(await readdir(`${root}/plugins`), []);
  assert.ok((await stat(registrationSocketPath)).isSocket(), "the other's socket stays");
});

test('KubeletPlugin puts a removed socket back, keeping its connections', async (t) => {
  const { paths } = await startPlugin(t);
  const client = connectTo(t, paths.endpoint);
  await callUnary(client, DRA_V1.nodePrepareResources, both);
  await rm(paths.registration);
  await rm(paths.endpoint);
  await eventually('both sockets are back', async () => {
    const found = await Promise.all(
      [paths.registration, paths.endpoint].map((path) => stat(path).catch(() => undefined)),
    );
    return found.every((file) => file?.isSocket());
  });
  await callUnary(client, DRA_V1.nodePrepareResources, both);
  await callUnary(connectTo(t, paths.endpoint), DRA_V1.nodePrepareResources, both);
});

test('KubeletPlugin comes back when the whole directory is wiped', async (t) => {
  const { paths } = await startPlugin(t);
  for (let round = 0; round < 2; round += 1) {
    await rm(dirname(paths.registration), { recursive: true });
    await mkdir(dirname(paths.registration), { recursive: true });
    await eventually('the socket is back', async () =>
      (await stat(paths.registration).catch(() => undefined))?.isSocket(),
    );
    const client = connectTo(t, paths.registration);
    await callUnary(client, REGISTRATION.getInfo, { request: {}, timeoutMs: TIMEOUT_MS });
  }
});

test('KubeletPlugin.stop removes its sockets, lets a call end, and may be called twice', async (t) => {
  const { promise: go, resolve: letGo } = Promise.withResolvers<void>();
  const { promise: called, resolve: setCalled } = Promise.withResolvers<void>();
  const { plugin, paths } = await startPlugin(t, {
    handler: {
      ...obligingHandler,
      prepare: async (claims) => {
        setCalled();
        await go;
        return obligingHandler.prepare(claims);
      },
    },
  });
  const answer = callUnary(connectTo(t, paths.endpoint), DRA_V1.nodePrepareResources, both);
  await called;
  const stopped = plugin.stop();
  await eventually('the registration socket is gone', async () => {
    return (await readdir(dirname(paths.registration))).length === 0;
  });
  letGo();
  assert.equal(Object.keys((await answer).claims).length, 2);
  await stopped;
  await plugin.stop();
  assert.deepEqual(await readdir(dirname(paths.endpoint)), []);
});

test("KubeletPlugin.stop leaves a successor's socket alone", async (t) => {
  const { plugin, paths } = await startPlugin(t);
  await rm(paths.registration);
  const successor = createServer().listen(paths.registration);
  t.after(() => successor.close());
  await once(successor, 'listening');
  await plugin.stop();
  assert.ok((await stat(paths.registration)).isSocket());
});
