import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { eventually } from '../lib/testing/eventually.ts';
import { Connection, type ReadHead } from './connection.ts';
import { textReply } from './http-reply.ts';

/** The server's end of a connection whose time a test moves, and the client's end. */
async function open(t: TestContext) {
  const clock = { nowMs: 0 };
  const requests: ReadHead[] = [];
  const states: string[] = [];
  const server: Server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const { port } = server.address() as { port: number };
  const client = connect(port, '127.0.0.1');
  client.on('error', () => {});
  const connection = new Connection((await accepted)[0], {
    now: () => clock.nowMs,
    onRequest: (_, request) => void requests.push(request),
    onState: ({ state }) => void states.push(state),
    onClosed: ({ state }) => void states.push(state),
  });
  t.after(() => {
    client.destroy();
    connection.drop();
    server.close();
  });
  const ask = async () => {
    const before = requests.length;
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually('the request', () => requests.length > before);
  };
  return { clock, requests, states, client, connection, ask };
}

test('Connection.isExpired: a head may take 5 s from its first byte, an idle connection has 5 s', async (t) => {
  const { clock, connection, client, ask } = await open(t);
  assert(!connection.isExpired(5_000));
  assert(connection.isExpired(5_001));
  await ask();
  connection.send(textReply(200, 'ok'));
  await eventually('idle', () => connection.state === 'idle');
  assert(!connection.isExpired(5_000));
  assert(connection.isExpired(5_001));
  clock.nowMs = 4_000;
  client.write('G');
  await eventually('reading', () => connection.state === 'reading');
  assert(!connection.isExpired(9_000));
  clock.nowMs = 8_000;
  client.write('E');
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert(connection.isExpired(9_001), 'further bytes give no more time');
});

test('Connection.isExpired: a client that never reads holds one answer for 5 s', async (t) => {
  const { clock, states, client, connection, ask } = await open(t);
  client.pause();
  await ask();
  clock.nowMs = 1_000;
  connection.send({ status: 200, contentType: 'text/html', body: Buffer.alloc(20_000_000) });
  assert(connection.unreadBytes > 20_000_000);
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(10));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(connection.state, 'closing');
  assert(!connection.isExpired(6_000));
  assert(connection.isExpired(6_001));
  connection.drop();
  assert.equal(connection.unreadBytes, 0);
  assert.deepEqual(states, ['waiting', 'closing', 'closed']);
});

test('Connection reads one request and keeps nothing of what is sent before its answer', async (t) => {
  const { requests, client, connection, ask } = await open(t);
  await ask();
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(100));
  await new Promise((resolve) => setTimeout(resolve, 20));
  connection.send(textReply(200, 'ok'));
  let text = '';
  for await (const chunk of client) text += String(chunk);
  assert.equal(text.split('HTTP/1.1').length - 1, 1);
  assert.match(text, /Connection: close/);
  assert.equal(requests.length, 1);
});

test('Connection.send does nothing after the client is gone, and drop may be called twice', async (t) => {
  const { states, connection, ask } = await open(t);
  await ask();
  connection.drop();
  connection.send(textReply(200, 'ok'));
  connection.drop();
  assert.deepEqual(states, ['waiting', 'closed']);
});
