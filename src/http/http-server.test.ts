import assert from 'node:assert/strict';
import { request } from 'node:http';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { silentLog } from '../lib/log.ts';
import { eventually } from '../lib/testing/eventually.ts';
import { type Condition, createHealthRoutes } from './health-routes.ts';
import { CONNECTIONS_MAX } from './connection-table.ts';
import { textReply } from './http-reply.ts';
import { type HttpRoute, HttpServer } from './http-server.ts';
import { HttpServerError } from './http-server-error.ts';

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
  '/page': (url) => ({
    status: 200,
    contentType: 'text/html',
    body: Buffer.from(`<p>${url.searchParams.get('q') ?? ''} ü`),
  }),
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

/** One request over a raw connection. */
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
/** Closed by either side, with or without an error. */
function whenClosed(socket: Socket): Promise<void> {
  socket.on('error', () => {});
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

const countAnswers = (text: string) => text.split('HTTP/1.1 ').length - 1;

test('HttpServer answers one request after the other on a connection, and says that it stays', () =>
  withServer(pages, async (port) => {
    const socket = connect(port, '127.0.0.1');
    socket.setEncoding('utf8');
    for (let round = 0; round < 3; round += 1) {
      socket.write(get('/page'));
      const [text] = (await once(socket, 'data')) as [string];
      assert.match(text, /^HTTP\/1\.1 200 [^]*Connection: keep-alive\r\n[^]*<p> ü$/);
    }
    socket.destroy();
  }));

test('HttpServer answers the first of pipelined requests whole and closes, without asking for the others', async () => {
  let asked = 0;
  const body = Buffer.alloc(140_000, 'x');
  const routes = {
    '/topology': () => {
      asked += 1;
      return { status: 200, contentType: 'text/html', body };
    },
  };
  await withServer(routes, async (port) => {
    const text = await sendRaw(port, get('/topology').repeat(4_000));
    assert.equal(countAnswers(text), 1);
    assert.match(text, /Connection: close/);
    assert(text.endsWith('x'.repeat(140_000)));
    assert.equal(asked, 1);
  });
});

test('HttpServer closes after a large answer, whose reader may take its time', async () => {
  const routes = { '/large': () => ({ status: 200, contentType: 'text/html', body: Buffer.alloc(2_000_000, 'x') }) };
  await withServer(routes, async (port) => {
    const socket = connect(port, '127.0.0.1');
    socket.write(get('/large'));
    let length = 0;
    for await (const chunk of socket) {
      length += (chunk as Buffer).length;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert(length > 2_000_000);
  });
});

test('HttpServer answers a client that has closed its half', () =>
  withServer({ '/slow': async () => textReply(200, 'late') }, async (port) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.end(get('/slow'));
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n[^]*late$/);
  }));

test('HttpServer takes 32 requests per connection', () =>
  withServer(pages, async (port) => {
    const socket = connect(port, '127.0.0.1');
    let answers = 0;
    socket.on('data', (chunk: Buffer) => {
      answers += countAnswers(String(chunk));
      socket.write(get('/page'));
    });
    socket.write(get('/page'));
    await whenClosed(socket);
    assert.equal(answers, 32);
  }));

test('C5: HttpServer lets no number of idle connections keep a probe out', () =>
  withServer(pages, async (port) => {
    const held: Socket[] = [];
    try {
      for (let index = 0; index < CONNECTIONS_MAX + 50; index += 1) {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => {});
        held.push(socket);
        await once(socket, 'connect');
      }
      assert.equal((await ask(port, '/page')).status, 200);
      await eventually('the oldest to give way', () => held.filter(({ destroyed }) => destroyed).length >= 51);
      assert.equal(held.at(-1)?.destroyed, false);
    } finally {
      for (const socket of held) socket.destroy();
    }
  }));

test('HttpServer cuts off who goes on sending after its last request', () =>
  withServer(pages, async (port) => {
    const socket = connect(port, '127.0.0.1');
    socket.resume();
    let sent = 0;
    const send = () => {
      while (!socket.destroyed && socket.write(get('/page').repeat(1_000))) sent += 1;
    };
    socket.on('drain', send);
    send();
    await whenClosed(socket);
    assert(sent < 1_000, `${sent} bursts were taken`);
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
