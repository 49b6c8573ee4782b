import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { eventually } from '../lib/testing/eventually.ts';
import { encodeMuxMessage, Mux, MuxDecoder, MuxError } from './mux.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** The payloads in mux bytes, with their connections. */
function readPayloads(bytes: Uint8Array): [number, number][] {
  const payloads: [number, number][] = [];
  const buffer = Buffer.from(bytes);
  for (let at = 0; at < buffer.length; at += 8 + buffer.readUInt32BE(at + 4)) {
    payloads.push([buffer.readUInt32BE(at), buffer.readUInt32BE(at + 4)]);
  }
  return payloads;
}

/** What each connection got, joined. */
function collect(decoder: MuxDecoder, chunks: Iterable<Uint8Array>): Map<number, string> {
  const got = new Map<number, string>();
  for (const chunk of chunks) {
    for (const { connectionId, bytes } of decoder.push(chunk)) {
      got.set(connectionId, (got.get(connectionId) ?? '') + hex(bytes));
    }
  }
  return got;
}

test('encodeMuxMessage puts connection id and length before the message', () => {
  assert.equal(hex(encodeMuxMessage(2, Buffer.from('ping'))), '000000020000000470696e67');
});

test('encodeMuxMessage cuts a message once, after 4096 bytes', () => {
  const lengths = (bytes: number) => readPayloads(encodeMuxMessage(1, Buffer.alloc(bytes))).map(([, length]) => length);
  assert.deepEqual(lengths(0), [0]);
  assert.deepEqual(lengths(4096), [4096]);
  assert.deepEqual(lengths(4097), [4096, 1]);
  assert.deepEqual(lengths(2_400_000), [4096, 2_395_904]);
});

test('MuxDecoder gives back each connection its bytes, however they are split', () => {
  const message = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.uint8Array({ maxLength: 50 }));
  fc.assert(
    fc.property(fc.array(message), fc.integer({ min: 1, max: 40 }), (messages, step) => {
      const bytes = Buffer.concat(messages.map(([id, content]) => encodeMuxMessage(id, content)));
      const chunks = Array.from({ length: Math.ceil(bytes.length / step) }, (_, index) =>
        bytes.subarray(index * step, (index + 1) * step),
      );
      const wanted = new Map<number, string>();
      for (const [id, content] of messages) {
        if (content.length > 0) wanted.set(id, (wanted.get(id) ?? '') + hex(content));
      }
      assert.deepEqual(collect(new MuxDecoder(), chunks), wanted);
    }),
  );
});

test('MuxDecoder refuses a length that no end would send', () => {
  assert.throws(
    () => collect(new MuxDecoder(), [Buffer.from('GET / HTTP/1.1')]),
    (error) => error instanceof MuxError && error.code === 'BadHeader' && error.message.includes('474554202f204854'),
  );
});

test('Mux carries two connections over one socket', async () => {
  const [near, far] = duplexPair();
  const [here, there] = [new Mux(near), new Mux(far)];
  const got: string[] = [];
  for (const id of [1, 2]) there.open(id).on('data', (bytes: Buffer) => got.push(`${id} ${String(bytes)}`));
  here.open(2).write('two');
  here.open(1).write('one');
  here.open(3).write('nobody listens');
  await eventually('both', () => got.length === 2);
  assert.deepEqual(got.sort(), ['1 one', '2 two']);
});

test('Mux ends its connections with the socket, and is told once', async () => {
  const [near, far] = duplexPair();
  const causes: unknown[] = [];
  const mux = new Mux(near, (cause) => causes.push(cause));
  const connection = mux.open(1);
  far.destroy();
  await eventually('closed', () => connection.destroyed && causes.length === 1);
  mux.close();
  assert.ok(mux.open(2).destroyed);
  assert.deepEqual(causes, [undefined]);
});

test('Mux closes a socket that sends more than anybody reads', async () => {
  const [near, far] = duplexPair();
  const { promise, resolve } = Promise.withResolvers<Error | undefined>();
  new Mux(near, resolve).open(1);
  far.on('error', () => undefined);
  const message = encodeMuxMessage(1, Buffer.alloc(4_000_000));
  for (let sent = 0; sent < 6; sent += 1) far.write(message);
  const cause = await promise;
  assert.ok(cause instanceof MuxError && cause.code === 'Overflow', String(cause));
});
