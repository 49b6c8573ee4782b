import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Request, Response } from '../gen/ttrpc.ts';
import { encodeFrame, type Frame, FrameDecoder, FrameError, PAYLOAD_BYTES_MAX } from './frame.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const ping: Frame = { streamId: 1, type: 1, flags: 0, payload: Buffer.from('ping') };

const anyFrame = fc.record({
  streamId: fc.nat({ max: 0xffff_ffff }),
  type: fc.nat({ max: 255 }),
  flags: fc.nat({ max: 255 }),
  payload: fc.uint8Array({ maxLength: 300 }),
});

function decodeAll(chunks: Iterable<Uint8Array>): unknown[] {
  const decoder = new FrameDecoder();
  return [...chunks].flatMap((chunk) => [...decoder.push(chunk)].map(plain));
}

function plain(frame: object): unknown {
  return 'payload' in frame ? { ...frame, payload: hex(frame.payload as Uint8Array) } : frame;
}

/** Cuts bytes at the given places, in any order and with repeats. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
}

test('encodeFrame writes length, stream, type, flags and payload in network order', () => {
  assert.equal(hex(encodeFrame(ping)), '0000000400000001010070696e67');
  const data: Frame = { streamId: 0xdeadbeef, type: 3, flags: 4, payload: new Uint8Array(0) };
  assert.equal(hex(encodeFrame(data)), '00000000deadbeef0304');
});

test('Request has the bytes that other implementations send', () => {
  const request = Request.encode({
    service: 'nri.pkg.api.v1alpha1.Runtime',
    method: 'RegisterPlugin',
    payload: Buffer.from('0a01701202', 'hex'),
    timeoutNano: 2_000_000_000n,
    metadata: [{ key: 'k', value: 'v' }],
  }).finish();
  assert.equal(
    hex(request),
    `0a1c${hex(Buffer.from('nri.pkg.api.v1alpha1.Runtime'))}120e${hex(Buffer.from('RegisterPlugin'))}` +
      '1a050a01701202' +
      '2080a8d6b907' +
      '2a060a016b120176',
  );
});

test('Response carries a status with code and message', () => {
  const status = { code: 12, message: 'no', details: [] };
  assert.equal(hex(Response.encode({ status, payload: new Uint8Array(0) }).finish()), '0a06080c12026e6f');
});

test('FrameDecoder reads frames one byte at a time', () => {
  const bytes = Buffer.concat([encodeFrame(ping), encodeFrame({ ...ping, streamId: 3, payload: new Uint8Array(0) })]);
  const frames = decodeAll([...bytes].map((byte) => Uint8Array.of(byte)));
  assert.deepEqual(frames, [plain(ping), plain({ ...ping, streamId: 3, payload: new Uint8Array(0) })]);
});

test('FrameDecoder reads frames however they are split', () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 6 }), fc.array(fc.nat()), (frames, places) => {
      const bytes = Buffer.concat(frames.map(encodeFrame));
      assert.deepEqual(decodeAll(cut(bytes, places)), frames.map(plain));
    }),
  );
});

test('FrameDecoder skips an oversized payload and reads on', () => {
  const header = Buffer.alloc(10);
  header.writeUInt32BE(PAYLOAD_BYTES_MAX + 1, 0);
  header.writeUInt32BE(7, 4);
  header[8] = 1;
  const pieces = [header, Buffer.alloc(PAYLOAD_BYTES_MAX), Buffer.alloc(1), encodeFrame(ping)];
  assert.deepEqual(decodeAll(pieces), [{ streamId: 7, type: 1, oversizedBytes: PAYLOAD_BYTES_MAX + 1 }, plain(ping)]);
});

test('FrameDecoder takes the largest payload there may be', () => {
  const largest = { ...ping, payload: Buffer.alloc(PAYLOAD_BYTES_MAX, 1) };
  const decoder = new FrameDecoder();
  const frames = cut(encodeFrame(largest), [1, 9, 11, 100_000, 65_536]).flatMap((chunk) => [...decoder.push(chunk)]);
  assert.equal(frames.length, 1);
  assert.ok('payload' in (frames[0] ?? {}));
});

test('FrameDecoder refuses a header that cannot be one, quoting it', () => {
  assert.throws(
    () => decodeAll([Buffer.from('GET / HTTP/1.1\r\n\r\n')]),
    (error) => error instanceof FrameError && error.code === 'BadHeader' && error.message.includes('474554202f'),
  );
});

test('FrameDecoder survives any bytes', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array()), (chunks) => {
      try {
        decodeAll(chunks);
      } catch (error) {
        assert.ok(error instanceof FrameError);
      }
    }),
  );
});
