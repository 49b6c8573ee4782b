import { CodedError } from '../lib/coded-error.ts';
import { ByteQueue } from '../lib/byte-queue.ts';

/** Bytes before the payload of each frame: length, stream id, type, flags (ttrpc PROTOCOL.md, 1.2). */
const FRAME_HEADER_BYTES = 10;

/** Largest payload either side may send (ttrpc PROTOCOL.md, 1.2). */
export const PAYLOAD_BYTES_MAX = 4 * 1024 * 1024;

/** Where the length's first byte, reserved and 0, would no longer be 0: such a header is garbage, nothing to skip. */
const SKIPPABLE_BYTES_MAX = 0x00ff_ffff;

/** What a frame is. Types that are not listed are ignored by both ends. */
export const FRAME_TYPES = { request: 1, response: 2, data: 3 } as const;

/** A request with this flag begins a stream of data frames, which unary calls do not use. */
export const FLAG_REMOTE_OPEN = 2;

/** One frame of the wire. */
export interface Frame {
  /** Odd for calls of the client. */
  readonly streamId: number;
  /** One of FRAME_TYPES, or one that a later version of the protocol has. */
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** A frame whose payload was over the limit and was skipped. */
export interface OversizedFrame {
  readonly streamId: number;
  readonly type: number;
  readonly oversizedBytes: number;
}

/** Bytes that are no frames: the connection cannot be read any further. */
export class FrameError extends CodedError<'BadHeader'> {
  override readonly name = 'FrameError';
}

/** A frame's bytes. The payload must be within PAYLOAD_BYTES_MAX. */
export function encodeFrame(frame: Frame): Uint8Array {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + frame.payload.length);
  bytes.writeUInt32BE(frame.payload.length, 0);
  bytes.writeUInt32BE(frame.streamId, 4);
  bytes[8] = frame.type;
  bytes[9] = frame.flags;
  bytes.set(frame.payload, FRAME_HEADER_BYTES);
  return bytes;
}

interface Header {
  readonly lengthBytes: number;
  readonly streamId: number;
  readonly type: number;
  readonly flags: number;
}

function parseHeader(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_HEADER_BYTES);
  const lengthBytes = view.getUint32(0);
  if (lengthBytes > SKIPPABLE_BYTES_MAX) {
    throw new FrameError(
      'BadHeader',
      `Cannot read the ttrpc frame header ${Buffer.from(bytes).toString('hex')}: it announces ${lengthBytes} bytes, ` +
        `want at most ${PAYLOAD_BYTES_MAX}; the peer does not speak ttrpc`,
    );
  }
  return { lengthBytes, streamId: view.getUint32(4), type: view.getUint8(8), flags: view.getUint8(9) };
}

/** Cuts bytes that arrive in pieces of any size into frames. */
export class FrameDecoder {
  readonly #queue = new ByteQueue();
  #header: Header | undefined;
  #skipBytes = 0;

  /**
   * Takes the next piece and yields what it completes.
   * @throws FrameError when the bytes are no frames; the decoder is useless then.
   */
  *push(chunk: Uint8Array): Generator<Frame | OversizedFrame> {
    this.#queue.push(chunk);
    for (;;) {
      this.#skip();
      this.#header ??= this.#readHeader();
      const header = this.#header;
      if (header === undefined) return;
      if (header.lengthBytes > PAYLOAD_BYTES_MAX) {
        this.#header = undefined;
        this.#skipBytes = header.lengthBytes;
        yield { streamId: header.streamId, type: header.type, oversizedBytes: header.lengthBytes };
        continue;
      }
      const payload = this.#queue.take(header.lengthBytes);
      if (payload === undefined) return;
      this.#header = undefined;
      yield { streamId: header.streamId, type: header.type, flags: header.flags, payload };
    }
  }

  #readHeader(): Header | undefined {
    if (this.#skipBytes > 0) return undefined;
    const bytes = this.#queue.take(FRAME_HEADER_BYTES);
    return bytes && parseHeader(bytes);
  }

  #skip(): void {
    while (this.#skipBytes > 0 && this.#queue.lengthBytes > 0) {
      this.#skipBytes -= this.#queue.takeSome(this.#skipBytes).length;
    }
  }
}
