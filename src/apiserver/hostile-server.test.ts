import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../lib/testing/eventually.ts';
import { claim } from '../../embedded/apiserver/testing/cluster.ts';
import { ApiError } from './api-error.ts';
import { NODES, pathOf, RESOURCE_CLAIMS } from './api-object.ts';
import { fetchClaim } from './claims/fetch-claim.ts';
import { fetchNode } from './node.ts';
import { describeServedVersions } from './served-versions.ts';
import { newClient, newCluster } from './testing/cluster.ts';
import { chunk, chunkedHead, drip, flood, reply, startRawServer } from './testing/raw-server.ts';

const DB = { namespace: 'shop', name: 'db' };
const CLAIM = {
  kind: 'ResourceClaim',
  apiVersion: 'resource.k8s.io/v1',
  metadata: { ...DB, uid: 'u1', resourceVersion: '7' },
};
const n1 = { resource: NODES, name: 'n1' };
const MIB = 1024 * 1024;

/** A client of a server that answers each request as `answer` likes. */
async function clientOf(t: TestContext, answer: (socket: Socket, requestLine: string) => void) {
  const server = await startRawServer(t, answer);
  return { server, client: newClient(t, server.url) };
}

function withMetadata(metadata: object): object {
  return { ...CLAIM, metadata: { ...CLAIM.metadata, ...metadata } };
}

function withResults(results: unknown): object {
  return { ...CLAIM, status: { allocation: { devices: { results } } } };
}

const STATUS = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };

describe('fetchClaim believes nothing but the claim (issue 13, line 14)', () => {
  const answers: Record<string, { body: string; status?: number; contentType?: string }> = {
    'an empty object': { body: '{}' },
    'a Status of success': { body: JSON.stringify(STATUS) },
    'a Status "NotFound" with 200': {
      body: JSON.stringify({ ...STATUS, reason: 'NotFound', details: { name: 'db' } }),
    },
    nothing: { body: '' },
    null: { body: 'null' },
    'a list': { body: '[]' },
    'a text': { body: '"shop/db"' },
    'truncated JSON': { body: JSON.stringify(CLAIM).slice(0, -5) },
    'a page of a proxy': { body: '<html>sign in</html>', contentType: 'text/html' },
    'JSON that calls itself a page': { body: JSON.stringify(CLAIM), contentType: 'text/html' },
    'another kind': { body: JSON.stringify({ ...CLAIM, kind: 'PartialObjectMetadata' }) },
    'another version': { body: JSON.stringify({ ...CLAIM, apiVersion: 'resource.k8s.io/v1beta1' }) },
    'another name': { body: JSON.stringify(withMetadata({ name: 'cache' })) },
    'another namespace': { body: JSON.stringify(withMetadata({ namespace: 'test' })) },
    'no namespace': { body: JSON.stringify(withMetadata({ namespace: undefined })) },
    'no UID': { body: JSON.stringify(withMetadata({ uid: undefined })) },
    'an empty UID': { body: JSON.stringify(withMetadata({ uid: '' })) },
    'a UID that is a number': { body: JSON.stringify(withMetadata({ uid: 7 })) },
    'a UID of a megabyte': { body: JSON.stringify(withMetadata({ uid: 'u'.repeat(MIB) })) },
    'a status that is a text': { body: JSON.stringify({ ...CLAIM, status: 'ok' }) },
    'an allocation that is a list': { body: JSON.stringify({ ...CLAIM, status: { allocation: [] } }) },
    'results that are a map': { body: JSON.stringify(withResults({})) },
    'a result without a driver': { body: JSON.stringify(withResults([{ pool: 'n1', device: 'd' }])) },
    '404 of a proxy': { status: 404, body: '<html>not found</html>', contentType: 'text/html' },
    '404 without a name': { status: 404, body: JSON.stringify({ ...STATUS, reason: 'NotFound' }) },
    '404 of another object': {
      status: 404,
      body: JSON.stringify({ ...STATUS, reason: 'NotFound', details: { name: 'cache', kind: 'resourceclaims' } }),
    },
    '204': { status: 204, body: '' },
    '301': { status: 301, body: '' },
  };
  for (const [name, { body, status = 200, contentType }] of Object.entries(answers)) {
    it(`takes ${name} for a server that cannot be asked`, async (t) => {
      const { client } = await clientOf(t, (socket) => reply(socket, status, body, contentType));
      await assert.rejects(fetchClaim(client, DB, { patienceMs: 0 }), (error: unknown) => {
        assert.ok(error instanceof ApiError);
        assert.ok(error.message.length < 1_500, 'the message is short');
        return true;
      });
    });
  }

  it('takes the claim, and an honest 404 for none', async (t) => {
    const notFound = { ...STATUS, reason: 'NotFound', details: { name: 'db', kind: 'resourceclaims' } };
    const answers = [
      [200, JSON.stringify(CLAIM)],
      [200, JSON.stringify({ ...CLAIM, status: { allocation: null } })],
      [404, JSON.stringify(notFound)],
    ] as const;
    for (const [status, body] of answers) {
      const { client } = await clientOf(t, (socket) => reply(socket, status, body));
      const found = await fetchClaim(client, DB, { patienceMs: 0 });
      assert.deepEqual(found, status === 404 ? undefined : JSON.parse(body));
    }
  });

  it('goes on asking while the answer is none, as with a busy server', async (t) => {
    let count = 0;
    const { client } = await clientOf(t, (socket) => reply(socket, 200, JSON.stringify((count += 1) < 3 ? {} : CLAIM)));
    assert.deepEqual(await fetchClaim(client, DB), CLAIM);
  });

  it('asks for no name that would be another path', async (t) => {
    const { server, client } = await newCluster(t);
    server.store.create('resourceclaims', claim('db'));
    for (const [namespace, name] of [
      ['..', 'db'],
      ['default', '..'],
      ['default', '.'],
      ['default', '%2e%2E'],
      ['default', ''],
      ['', 'db'],
      ['default', '\ud800'],
      ['default', 'x'.repeat(300)],
    ] as const) {
      await assert.rejects(fetchClaim(client, { namespace, name }), { code: 'InvalidName' });
    }
    const path = pathOf({ resource: RESOURCE_CLAIMS, namespace: '...', name: 'a/../b' });
    assert.equal(path, '/apis/resource.k8s.io/v1/namespaces/.../resourceclaims/a%2F..%2Fb');
  });
});

describe('ApiClient believes no answer without a check', () => {
  const NODE = { metadata: { name: 'n1', uid: 'u1' } };

  it('refuses lists that are none, and lists with one item that is none', async (t) => {
    const metadata = { resourceVersion: '7' };
    const item = (fields: object) => ({ kind: 'ResourceClaimList', metadata, items: [CLAIM, { metadata: fields }] });
    const bodies = [
      {},
      STATUS,
      { kind: 'ResourceClaimList' },
      { kind: 'ResourceClaimList', metadata },
      { kind: 'ResourceClaimList', metadata, items: {} },
      { kind: 'ResourceClaimList', items: [] },
      { kind: 'PodList', metadata, items: [] },
      item({ ...DB }),
      item({ ...DB, uid: '' }),
      item({ name: 'db', namespace: 'test', uid: 'u2' }),
      item({ namespace: 'shop', uid: 'u2' }),
      { kind: 'ResourceClaimList', metadata, items: [null] },
      { kind: 'ResourceClaimList', metadata: { ...metadata, continue: 'x'.repeat(10_000) }, items: [] },
    ];
    for (const body of bodies) {
      const { client } = await clientOf(t, (socket) => reply(socket, 200, JSON.stringify(body)));
      const list = client.list({ resource: RESOURCE_CLAIMS, namespace: 'shop' });
      await assert.rejects(list, { code: 'MalformedAnswer' }, JSON.stringify(body).slice(0, 200));
    }
    const { client } = await clientOf(t, (socket) => reply(socket, 200, JSON.stringify({ metadata, items: null })));
    assert.deepEqual((await client.list({ resource: RESOURCE_CLAIMS })).items, []);
  });

  it('refuses answers to writes that are about something else', async (t) => {
    const { client } = await clientOf(t, (socket) => reply(socket, 200, JSON.stringify(CLAIM)));
    const refused = { code: 'MalformedAnswer' };
    await assert.rejects(client.create({ resource: NODES }, { metadata: { name: 'n1' } }), refused);
    await assert.rejects(client.update(n1, {}), refused);
    await assert.rejects(client.patch(n1, { type: 'merge', body: {} }), refused);
    await assert.rejects(client.delete(n1), refused);
    await assert.rejects(fetchNode(client, 'n1'), refused);
    const named = await clientOf(t, (socket) =>
      reply(socket, 200, JSON.stringify({ metadata: { name: 'n2', uid: 'u' } })),
    );
    await assert.rejects(named.client.create({ resource: NODES }, { metadata: { name: 'n1' } }), refused);
  });

  it('refuses events that are none', async (t) => {
    const frames = [
      '{}',
      'null',
      '[]',
      'no JSON',
      '{"type":"SURPRISE","object":{}}',
      '{"type":"ADDED"}',
      '{"type":"ADDED","object":{}}',
      '{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"n1","uid":"u1"}}}',
      '{"type":"DELETED","object":{"metadata":{"name":"n1"}}}',
      '{"type":"BOOKMARK","object":{}}',
      `{"type":"${'x'.repeat(MIB)}"}`,
    ];
    for (const frame of frames) {
      const { client } = await clientOf(t, (socket) => socket.write(chunkedHead() + chunk(`${frame}\n`)));
      const options = { resourceVersion: '1', durationMs: 1_000, signal: new AbortController().signal };
      await assert.rejects(client.watch({ resource: NODES }, options).next(), (error: unknown) => {
        assert.ok(error instanceof ApiError && error.code === 'MalformedAnswer', String(error));
        return error.message.length < 500;
      });
    }
  });

  it('takes the objects of a Status for what they are', async (t) => {
    const status = { ...STATUS, reason: { no: 'text' }, message: ['no text'], details: { causes: 'no list' } };
    const { client } = await clientOf(t, (socket) => reply(socket, 503, JSON.stringify(status)));
    await assert.rejects(client.get(n1), { code: 'ServiceUnavailable', causes: [] });
  });

  it('waits a minute at most, however long the server asks for', async (t) => {
    const head = 'HTTP/1.1 429 X\r\nRetry-After: 99999999999\r\nContent-Length: 0\r\n\r\n';
    const { client } = await clientOf(t, (socket) => socket.write(head));
    await assert.rejects(client.get(n1), { retryAfterMs: 60_000 });
  });

  it('says little of an error of a megabyte', async (t) => {
    const status = { ...STATUS, reason: 'Invalid', message: 'x'.repeat(MIB) };
    for (const body of [JSON.stringify(status), 'y'.repeat(MIB)]) {
      const { client } = await clientOf(t, (socket) => reply(socket, 422, body));
      await assert.rejects(client.get(n1), (error: Error) => error.message.length < 1_500);
    }
    const group = { versions: Array.from({ length: 10_000 }, () => ({ groupVersion: 'v'.repeat(100) })) };
    const { client } = await clientOf(t, (socket, line) =>
      reply(socket, 200, JSON.stringify(line.includes('/version') ? { gitVersion: 'v'.repeat(MIB) } : group)),
    );
    assert.ok((await describeServedVersions(client, 'resource.k8s.io')).length < 4_000);
  });

  it('uses a connection again after a refusal', async (t) => {
    const { server, client } = await clientOf(t, (socket) => reply(socket, 404, '{}'));
    for (let round = 0; round < 5; round += 1) await assert.rejects(client.get(n1), { code: 'NotServed' });
    assert.equal(server.connectionCount, 1);
  });

  it('is content with a node that is one', async (t) => {
    const { client } = await clientOf(t, (socket) => reply(socket, 200, JSON.stringify(NODE)));
    assert.equal((await fetchNode(client, 'n1')).metadata.uid, 'u1');
  });
});

describe('ApiClient is bounded in time and memory, whatever the server sends', () => {
  const TIMEOUT_MS = 300;
  /** What ends by its size ends long before this. */
  const SLOW_MS = 5_000;

  async function rejects(work: Promise<unknown>, code: string, withinMs: number): Promise<void> {
    const startedMs = performance.now();
    await assert.rejects(work, (error: unknown) => {
      assert.ok(error instanceof ApiError, String(error));
      assert.equal(error.code, code, error.message);
      return true;
    });
    assert.ok(performance.now() - startedMs < withinMs, `it took ${performance.now() - startedMs} ms`);
  }

  const endless: Record<string, { answer: (socket: Socket) => void; code: string }> = {
    'an endless body': {
      answer: (socket) => {
        socket.write(chunkedHead());
        flood(socket, chunk('x'.repeat(65_536)));
      },
      code: 'MalformedAnswer',
    },
    'an endless body of an error': {
      answer: (socket) => {
        socket.write(chunkedHead().replace('200 OK', '500 X'));
        flood(socket, chunk('x'.repeat(65_536)));
      },
      code: 'MalformedAnswer',
    },
    'a gigantic length': {
      answer: (socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${2 ** 50}\r\n\r\n`);
        flood(socket, ' '.repeat(65_536));
      },
      code: 'MalformedAnswer',
    },
    'endless headers': {
      answer: (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        flood(socket, `X-Header: ${'x'.repeat(1_000)}\r\n`);
      },
      code: 'Unreachable',
    },
    'one endless header': {
      answer: (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nX-Header: ');
        flood(socket, 'x'.repeat(65_536));
      },
      code: 'Unreachable',
    },
    'endless trailers': {
      answer: (socket) => {
        socket.write(`${chunkedHead()}${chunk('{}')}0\r\n`);
        flood(socket, `X-Trailer: ${'x'.repeat(1_000)}\r\n`);
      },
      code: 'Unreachable',
    },
    'endless extensions of a chunk': {
      answer: (socket) => {
        socket.write(`${chunkedHead()}1;`);
        flood(socket, 'x=y;'.repeat(1_000));
      },
      code: 'Unreachable',
    },
    'another protocol': { answer: (socket) => flood(socket, 'SSH-2.0-OpenSSH\r\n'), code: 'Unreachable' },
  };
  for (const [name, { answer, code }] of Object.entries(endless)) {
    it(`ends ${name} by its size`, async (t) => {
      const { client } = await clientOf(t, answer);
      const before = process.memoryUsage().rss;
      await rejects(client.get(n1, { timeoutMs: 30_000 }), code, SLOW_MS);
      const grown = (process.memoryUsage().rss - before) / MIB;
      assert.ok(grown < 64, `memory grew by ${grown} MiB`);
    });
  }

  const slow: Record<string, (socket: Socket) => void> = {
    'a server that says nothing': () => {},
    'a body that drips': (socket) => {
      socket.write(chunkedHead());
      drip(socket, chunk(' '));
    },
    'headers that drip': (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nX-A: ');
      drip(socket, 'x');
    },
    'a body that stops': (socket) => socket.write(chunkedHead() + chunk('{"metadata":')),
    'an error that drips': (socket) => {
      socket.write(chunkedHead().replace('200 OK', '503 X'));
      drip(socket, chunk('x'));
    },
    'hints without an end': (socket) => drip(socket, 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n', 1),
  };
  for (const [name, answer] of Object.entries(slow)) {
    it(`ends ${name} in time`, async (t) => {
      const { server, client } = await clientOf(t, answer);
      await rejects(client.get(n1, { timeoutMs: TIMEOUT_MS }), 'Timeout', TIMEOUT_MS + 1_000);
      assert.equal(server.connectionCount, 1);
    });
  }

  it('cuts off what a refused token was answered with', async (t) => {
    let isClosed = false;
    const { client } = await clientOf(t, (socket) => {
      socket.on('close', () => void (isClosed = true));
      socket.write(chunkedHead().replace('200 OK', '401 X'));
      drip(socket, chunk('x'));
    });
    await rejects(client.get(n1, { timeoutMs: TIMEOUT_MS }), 'Timeout', TIMEOUT_MS + 1_000);
    await eventually('the connection is closed', () => isClosed);
  });

  it('reads a gigantic single document no further than any object goes', async (t) => {
    const { client } = await clientOf(t, (socket) => {
      socket.write(`${chunkedHead()}${chunk('{"items":[')}`);
      flood(socket, chunk('{"metadata":{"name":"n","uid":"u"}},'.repeat(1_000)));
    });
    await rejects(client.get(n1, { timeoutMs: 30_000 }), 'MalformedAnswer', SLOW_MS);
    await rejects(client.list({ resource: NODES }), 'MalformedAnswer', SLOW_MS);
  });

  it('keeps all answers of one moment within one budget', async (t) => {
    const { client } = await clientOf(t, (socket) => {
      socket.write(chunkedHead());
      for (let part = 0; part < 3; part += 1) socket.write(chunk('x'.repeat(MIB)));
    });
    const calls = Array.from({ length: 16 }, () => client.get(n1, { timeoutMs: 3_000 }));
    const results = await Promise.allSettled(calls);
    const codes = results.map((result) => result.status === 'rejected' && (result.reason as ApiError).code);
    // 32 MiB are left for all: ten of them fit and then wait for their end.
    assert.equal(codes.filter((code) => code === 'MalformedAnswer').length, 6, JSON.stringify(codes));
    assert.equal(codes.filter((code) => code === 'Timeout').length, 10);
  });

  it('gives up a list that has no end', async (t) => {
    let page = 0;
    const filler = 'x'.repeat(4 * MIB);
    const { client } = await clientOf(t, (socket) => {
      page += 1;
      const items = [{ metadata: { name: `n${page}`, uid: 'u' }, filler }];
      reply(socket, 200, JSON.stringify({ metadata: { resourceVersion: '1', continue: `t${page}` }, items }));
    });
    await rejects(client.list({ resource: NODES }), 'MalformedAnswer', 20_000);
    assert.ok(page <= 18, `${page} pages`);
  });

  it('reads no line of a watch further than any object goes, and waits for no end of one', async (t) => {
    const options = { resourceVersion: '1', durationMs: 60_000, signal: new AbortController().signal };
    const { client } = await clientOf(t, (socket) => {
      socket.write(chunkedHead());
      flood(socket, chunk('x'.repeat(65_536)));
    });
    await rejects(client.watch({ resource: NODES }, options).next(), 'MalformedAnswer', SLOW_MS);
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const dripping = await clientOf(t, (socket) => socket.write(chunkedHead() + chunk('{"type"')));
    const next = dripping.client.watch({ resource: NODES }, options).next();
    next.catch(() => {});
    const timer = setInterval(() => t.mock.timers.tick(1_000), 5);
    t.after(() => clearInterval(timer));
    await rejects(next, 'Timeout', SLOW_MS);
  });

  it('takes a line that comes byte by byte in little memory', async (t) => {
    const { client } = await clientOf(t, (socket) => {
      socket.write(chunkedHead());
      flood(socket, chunk('x').repeat(1_000));
    });
    const options = { resourceVersion: '1', durationMs: 2_000, signal: AbortSignal.timeout(2_000) };
    const before = process.memoryUsage().rss;
    await assert.rejects(client.watch({ resource: NODES }, options).next());
    const grown = (process.memoryUsage().rss - before) / MIB;
    assert.ok(grown < 64, `memory grew by ${grown} MiB`);
  });

  it('stays reachable for others while a watch is flooded', async (t) => {
    const { client } = await clientOf(t, (socket) => {
      socket.write(chunkedHead());
      flood(socket, chunk('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"2"}}}\n'.repeat(100)));
    });
    const options = { resourceVersion: '1', durationMs: 60_000, signal: AbortSignal.timeout(700) };
    const reading = (async () => {
      for await (const event of client.watch({ resource: NODES }, options)) assert.equal(event.type, 'BOOKMARK');
    })();
    reading.catch(() => {});
    // Timers that get no turn would never let this end.
    const startedMs = performance.now();
    for (let round = 0; round < 50; round += 1) await delay(5);
    assert.ok(performance.now() - startedMs < 5_000);
    await assert.rejects(reading);
  });
});
