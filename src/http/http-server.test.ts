import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { silentLog } from '../lib/log.ts';
import { type Condition, createHealthRoutes } from './health-routes.ts';
import { type HttpRoute, HttpServer, HttpServerError, textReply } from './http-server.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

interface Question {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

function ask(port: number, path: string, { method = 'GET', headers = {}, body }: Question = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** Sends raw bytes and returns all that comes back until the server closes. */
function sendRaw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

async function withServer(routes: Readonly<Record<string, HttpRoute>>, run: (port: number) => Promise<void>) {
  const server = new HttpServer({ bindAddress: { host: '127.0.0.1', port: 0 }, routes, log: silentLog });
  const { port } = await server.start();
  try {
    await run(port);
  } finally {
    await server.stop();
  }
}

const pages: Readonly<Record<string, HttpRoute>> = {
  '/page': (url) => ({ status: 200, contentType: 'text/html', body: `<p>${url.searchParams.get('q') ?? ''} ü` }),
  '/broken': () => {
    throw new TypeError('no state yet');
  },
};

const cases: { title: string; path: string; question?: Question; status: number; body: string | RegExp }[] = [
  { title: 'a route with its query', path: '/page?q=1', status: 200, body: '<p>1 ü' },
  { title: 'HEAD without a body', path: '/page', question: { method: 'HEAD' }, status: 200, body: '' },
  { title: '404 with the known paths', path: '/other', status: 404, body: /\/page, \/broken/ },
  { title: '404 for names of Object', path: '/constructor', status: 404, body: /no such page/ },
  { title: '404 for a path that is none', path: '//[', status: 404, body: /no such page/ },
  { title: '405 for POST', path: '/page', question: { method: 'POST' }, status: 405, body: /GET, HEAD/ },
  { title: '413 for a body', path: '/page', question: { method: 'POST', body: 'x' }, status: 413, body: /body/ },
  { title: '500 with the reason when a route fails', path: '/broken', status: 500, body: 'no state yet\n' },
];

for (const { title, path, question, status, body } of cases) {
  test(`HttpServer answers ${title}`, () =>
    withServer(pages, async (port) => {
      const answer = await ask(port, path, question);
      assert.equal(answer.status, status);
      if (typeof body === 'string') assert.equal(answer.body, body);
      else assert.match(answer.body, body);
    }));
}

test('HttpServer states type, length and allowed methods', () =>
  withServer(pages, async (port) => {
    const page = await ask(port, '/page');
    assert.equal(page.headers['content-type'], 'text/html');
    assert.equal(page.headers['content-length'], '6');
    const refused = await ask(port, '/page', { method: 'DELETE' });
    assert.equal(refused.headers.allow, 'GET, HEAD');
  }));

test('HttpServer refuses headers over 8 KiB and garbage', () =>
  withServer(pages, async (port) => {
    assert.match(
      await sendRaw(port, `GET /page HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`),
      /^HTTP\/1.1 431 /,
    );
    assert.match(await sendRaw(port, 'hello\r\n\r\n'), /^HTTP\/1.1 400 /);
  }));

test('HttpServer starts and stops twice, and again', async () => {
  const server = new HttpServer({ bindAddress: { host: '127.0.0.1', port: 0 }, routes: pages, log: silentLog });
  await server.stop();
  const first = await server.start();
  assert.deepEqual(await server.start(), first);
  await Promise.all([server.stop(), server.stop()]);
  await assert.rejects(ask(first.port, '/page'), { code: 'ECONNREFUSED' });
  const { port } = await server.start();
  assert.equal((await ask(port, '/page')).status, 200);
  await server.stop();
});

test('HttpServer listens on every address when no host is given', async () => {
  const server = new HttpServer({ bindAddress: { host: undefined, port: 0 }, routes: pages, log: silentLog });
  const { port } = await server.start();
  assert.equal((await ask(port, '/page')).status, 200);
  await server.stop();
});

test('C5: HttpServer names the flag when the port is in use, and can be started later', () =>
  withServer(pages, async (port) => {
    const second = new HttpServer({ bindAddress: { host: '127.0.0.1', port }, routes: pages, log: silentLog });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await assert.rejects(second.start(), (error) => {
        assert(error instanceof HttpServerError);
        assert.equal(error.code, 'AddressInUse');
        assert.equal(
          error.message,
          `Cannot serve HTTP on "127.0.0.1:${port}": another program listens there; choose another port with ` +
            '--bind-address, or switch HTTP off with --bind-address=""',
        );
        return true;
      });
    }
    await second.stop();
  }));

test('HttpServer says when the machine has no such address', async () => {
  const server = new HttpServer({ bindAddress: { host: '192.0.2.1', port: 0 }, routes: pages, log: silentLog });
  await assert.rejects(server.start(), { name: 'HttpServerError', code: 'AddressNotAvailable' });
});

test('HttpServer does not wait for idle connections when it stops', async () => {
  const server = new HttpServer({ bindAddress: { host: '127.0.0.1', port: 0 }, routes: pages, log: silentLog });
  const { port } = await server.start();
  const closed = sendRaw(port, 'GET /page HTTP/1.1\r\n');
  await ask(port, '/page');
  await server.stop();
  assert.equal(await closed.catch(() => ''), '');
});

const healthCases: {
  title: string;
  started: boolean;
  conditions: Condition[];
  want: Record<string, [number, string]>;
}[] = [
  {
    title: 'while starting',
    started: false,
    conditions: [],
    want: {
      '/healthz': [503, 'starting'],
      '/livez': [200, 'ok'],
      '/readyz': [503, '[-]started failed\nnot ready\n'],
    },
  },
  {
    title: 'when all is well',
    started: true,
    conditions: [{ name: 'nri-synchronized', ok: true }],
    want: {
      '/healthz': [200, 'ok'],
      '/livez': [200, 'ok'],
      '/readyz': [200, '[+]started ok\n[+]nri-synchronized ok\nready\n'],
    },
  },
  {
    title: 'when the runtime is away',
    started: true,
    conditions: [
      { name: 'nri-synchronized', ok: false, reason: 'connection lost 3 s ago' },
      { name: 'kubelet-registered', ok: true },
    ],
    want: {
      '/healthz': [200, 'ok'],
      '/livez': [200, 'ok'],
      '/readyz': [
        503,
        '[+]started ok\n[-]nri-synchronized failed: connection lost 3 s ago\n[+]kubelet-registered ok\nnot ready\n',
      ],
    },
  },
];

for (const { title, started, conditions, want } of healthCases) {
  test(`createHealthRoutes answers probes ${title}`, async () => {
    const routes = createHealthRoutes({ isStarted: () => started, readConditions: () => conditions });
    const url = new URL('http://localhost');
    for (const [path, [status, body]] of Object.entries(want)) {
      assert.deepEqual(await routes[path]?.(url), textReply(status, body), path);
    }
  });
}
