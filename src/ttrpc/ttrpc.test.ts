import assert from 'node:assert/strict';
import { type Duplex, duplexPair } from 'node:stream';
import { test } from 'node:test';
import { KeyValue, Request, Response, StatusDetail } from '../gen/ttrpc.ts';
import { type CallOptions, createServiceClient, TtrpcClient } from './client.ts';
import { encodeFrame, FrameDecoder, PAYLOAD_BYTES_MAX } from './frame.ts';
import { type CallContext, implementService, TtrpcServer } from './server.ts';
import { TtrpcError } from './status.ts';

/** A service made of messages that exist anyway. */
const EchoDefinition = {
  fullName: 'test.Echo',
  methods: {
    say: { name: 'Say', requestType: KeyValue, responseType: KeyValue },
    blow: { name: 'Blow', requestType: KeyValue, responseType: StatusDetail },
    missing: { name: 'Missing', requestType: KeyValue, responseType: KeyValue },
  },
} as const;

type Say = (request: KeyValue, context: CallContext) => KeyValue | Promise<KeyValue>;

function startEcho(say: Say = (request) => request) {
  const [near, far] = duplexPair();
  const closed: (Error | undefined)[] = [];
  const blow = ({ value }: KeyValue) => ({ typeUrl: '', value: new Uint8Array(Number(value)) });
  const server = new TtrpcServer(far, implementService(EchoDefinition, { say, blow }), (cause) => closed.push(cause));
  const client = new TtrpcClient(near, (cause) => closed.push(cause));
  return { near, far, client, server, closed, echo: createServiceClient(client, EchoDefinition) };
}

const hello = { key: 'hello', value: 'world' };
const failsWith =
  (code: TtrpcError['code'], text = '') =>
  (error: unknown) =>
    error instanceof TtrpcError && error.code === code && error.message.includes(text);

/** A peer that speaks frames only, to send what no client of ours would. */
function startRawPeer() {
  const [near, far] = duplexPair();
  const server = new TtrpcServer(far, implementService(EchoDefinition, { say: (request) => request }));
  const decoder = new FrameDecoder();
  const answers: { streamId: number; code: number; message: string }[] = [];
  near.on('data', (chunk: Uint8Array) => {
    for (const frame of decoder.push(chunk)) {
      if (!('payload' in frame)) continue;
      const { status } = Response.decode(frame.payload);
      answers.push({ streamId: frame.streamId, code: status?.code ?? 0, message: status?.message ?? '' });
    }
  });
  return { near, server, answers };
}

const sayFrame = (streamId: number, flags = 0) =>
  encodeFrame({
    streamId,
    type: 1,
    flags,
    payload: Request.encode({
      service: 'test.Echo',
      method: 'Say',
      payload: KeyValue.encode(hello).finish(),
      timeoutNano: 0n,
      metadata: [],
    }).finish(),
  });

async function settle(stream: Duplex): Promise<void> {
  for (let turn = 0; turn < 5 || stream.writableLength > 0; turn += 1) await new Promise((done) => setImmediate(done));
}

test('TtrpcClient calls a method and gets its answer', async () => {
  const { echo, client, server } = startEcho();
  assert.deepEqual(await echo.say(hello), hello);
  assert.equal(client.pendingCalls + server.openCalls, 0);
});

test('TtrpcClient keeps many calls apart that are answered out of order', async () => {
  const held: (() => void)[] = [];
  const { echo } = startEcho((request) => new Promise((resolve) => held.push(() => resolve(request))));
  const calls = Array.from({ length: 50 }, (_, index) => echo.say({ key: 'n', value: `${index}` }));
  while (held.length < 50) await new Promise((done) => setImmediate(done));
  for (const release of held.reverse()) release();
  assert.deepEqual(
    (await Promise.all(calls)).map(({ value }) => Number(value)),
    Array.from({ length: 50 }, (_, index) => index),
  );
});

test('TtrpcServer hands over metadata and timeout', async () => {
  let seen: CallContext | undefined;
  const { echo } = startEcho((request, context) => {
    seen = context;
    return request;
  });
  const options: CallOptions = {
    timeoutMs: 1500,
    metadata: new Map([['containerd-namespace-ttrpc', ['k8s.io', 'b']]]),
  };
  await echo.say(hello, options);
  assert.deepEqual(seen?.metadata, options.metadata);
  assert.equal(seen?.timeoutMs, 1500);
  await echo.say(hello);
  assert.equal(seen?.timeoutMs, undefined);
});

test('TtrpcServer answers the status a method throws, and Unknown for any other error', async () => {
  const errors = [new TtrpcError('FailedPrecondition', 'not yet'), new RangeError('odd')];
  const { echo } = startEcho(() => {
    throw errors.shift();
  });
  await assert.rejects(echo.say(hello), failsWith('FailedPrecondition', 'not yet'));
  await assert.rejects(echo.say(hello), failsWith('Unknown', 'odd'));
});

test('TtrpcServer answers Unimplemented for what it does not have', async () => {
  const { echo } = startEcho();
  await assert.rejects(echo.missing(hello), failsWith('Unimplemented', 'test.Echo/Missing'));
});

test('TtrpcClient gives up after its timeout and drops the late answer', async () => {
  let release: (() => void) | undefined;
  const { echo, client } = startEcho((request) => new Promise((done) => (release = () => done(request))));
  await assert.rejects(echo.say(hello, { timeoutMs: 20 }), failsWith('DeadlineExceeded', 'test.Echo/Say'));
  release?.();
  const again = echo.say(hello);
  await new Promise((done) => setImmediate(done));
  release?.();
  assert.deepEqual(await again, hello);
  assert.equal(client.pendingCalls, 0);
});

test('TtrpcServer aborts a method whose caller no longer waits', async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const { echo, server } = startEcho(
    (_request, { signal }) => new Promise(() => signal.addEventListener('abort', () => resolve(signal.reason))),
  );
  const call = assert.rejects(echo.say(hello, { timeoutMs: 20 }), failsWith('DeadlineExceeded'));
  assert.ok(failsWith('DeadlineExceeded')(await promise));
  await call;
  assert.equal(server.openCalls, 0);
});

test('TtrpcClient stops waiting when its signal is aborted', async () => {
  const { echo, client } = startEcho(() => new Promise(() => {}));
  const abort = new AbortController();
  const call = echo.say(hello, { signal: abort.signal });
  abort.abort();
  await assert.rejects(call, failsWith('Canceled'));
  await assert.rejects(echo.say(hello, { signal: abort.signal }), failsWith('Canceled'));
  assert.equal(client.pendingCalls, 0);
});

test('A closed connection fails open calls, aborts their methods and is told once to each end', async () => {
  const { promise, resolve } = Promise.withResolvers<AbortSignal>();
  const { echo, near, closed, client } = startEcho((_request, { signal }) => {
    resolve(signal);
    return new Promise(() => {});
  });
  const call = echo.say(hello);
  const signal = await promise;
  near.destroy();
  await assert.rejects(call, failsWith('ConnectionClosed'));
  await assert.rejects(echo.say(hello), failsWith('ConnectionClosed'));
  while (closed.length < 2) await new Promise((done) => setImmediate(done));
  assert.ok(signal.aborted);
  client.close();
  assert.deepEqual(closed, [undefined, undefined]);
});

test('Messages over 4 MiB are refused on either side and the connection lives on', async () => {
  const { echo } = startEcho();
  await assert.rejects(echo.say({ key: 'x'.repeat(PAYLOAD_BYTES_MAX), value: '' }), failsWith('ResourceExhausted'));
  await assert.rejects(echo.blow({ key: '', value: `${PAYLOAD_BYTES_MAX}` }), failsWith('ResourceExhausted', 'answer'));
  const large = { key: 'x'.repeat(PAYLOAD_BYTES_MAX - 1000), value: '' };
  assert.equal((await echo.say(large)).key.length, large.key.length);
});

test('TtrpcServer answers what is wrong with a stream and serves the next one', async () => {
  const { near, answers } = startRawPeer();
  const garbage = encodeFrame({ streamId: 9, type: 1, flags: 0, payload: Uint8Array.of(0x0a, 0xff) });
  const unknownType = encodeFrame({ streamId: 11, type: 77, flags: 0, payload: Uint8Array.of(1) });
  const data = encodeFrame({ streamId: 13, type: 3, flags: 1, payload: new Uint8Array(0) });
  const oversized = Buffer.alloc(10 + PAYLOAD_BYTES_MAX + 1);
  oversized.writeUInt32BE(PAYLOAD_BYTES_MAX + 1, 0);
  oversized.writeUInt32BE(21, 4);
  oversized[8] = 1;
  const frames = [sayFrame(2), sayFrame(3), sayFrame(3), garbage, unknownType, data, sayFrame(15, 2), oversized];
  for (const frame of [...frames, sayFrame(23)]) near.write(frame);
  await settle(near);
  assert.deepEqual(
    answers.map(({ streamId, code }) => [streamId, code]),
    [
      [2, 3],
      [3, 0],
      [3, 3],
      [9, 3],
      [13, 3],
      [15, 12],
      [21, 8],
      [23, 0],
    ],
  );
});

test('TtrpcServer closes a connection that does not speak ttrpc', async () => {
  const { near } = startRawPeer();
  const closed = new Promise((resolve) => near.on('close', resolve));
  near.on('error', () => {});
  near.end('GET / HTTP/1.1\r\n\r\n');
  await closed;
});

test('TtrpcClient refuses an answer it cannot read', async () => {
  const [near, far] = duplexPair();
  const echo = createServiceClient(new TtrpcClient(near), EchoDefinition);
  const call = echo.say(hello);
  far.write(encodeFrame({ streamId: 1, type: 2, flags: 0, payload: Uint8Array.of(0xff) }));
  await assert.rejects(call, failsWith('Internal'));
  const stream = echo.say(hello);
  far.write(encodeFrame({ streamId: 3, type: 3, flags: 0, payload: Uint8Array.of(0xff) }));
  await assert.rejects(stream, failsWith('Unimplemented'));
});

/** 10,000 with DRACPU_LONG_TESTS set, fewer in the daily run. */
const cycles = process.env.DRACPU_LONG_TESTS ? 10_000 : 500;

test(`Connecting, calling and closing ${cycles} times leaves nothing behind`, async () => {
  const heap = () => {
    globalThis.gc?.();
    return process.memoryUsage().heapUsed;
  };
  const before = heap();
  let closes = 0;
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    const { echo, client, server, near, far, closed } = startEcho();
    const lost = cycle % 2 === 0 ? echo.say(hello, { timeoutMs: 60_000 }) : undefined;
    const outcome = lost?.catch((error: TtrpcError) => error.code);
    if (cycle % 3 === 0) client.close();
    else if (cycle % 3 === 1) server.close();
    else near.destroy(new RangeError('cut'));
    await outcome;
    while (closed.length < 2) await new Promise((done) => setImmediate(done));
    closes += closed.length;
    assert.ok(near.destroyed && far.destroyed);
    assert.equal(client.pendingCalls + server.openCalls, 0);
  }
  assert.equal(closes, 2 * cycles);
  const timers = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  assert.ok(timers < 50, `${timers} timers are left`);
  if (globalThis.gc) assert.ok(heap() - before < 20e6, `the heap grew by ${heap() - before} bytes`);
});
