import { Duplex } from 'node:stream';
import { ByteQueue } from '../lib/byte-queue.ts';
import { CodedError } from '../lib/coded-error.ts';

/** The two connections of every NRI socket (containerd/nri, pkg/net/multiplex): who serves on which. */
export const MUX_CONNECTIONS = { pluginService: 1, runtimeService: 2 } as const;

/** Bytes before each payload: connection id, payload length, both big-endian. */
const HEADER_BYTES = 8;

/** No end sends more at once: a ttrpc header and the largest ttrpc message (containerd/nri, pkg/net/multiplex). */
const PAYLOAD_BYTES_MAX = 10 + 4 * 1024 * 1024;

/**
 * The Go end hands one mux payload to one read of a 4096-byte buffer and drops the whole socket when it does not fit
 * (ENOMEM; containerd 2.1.9). Its own writer sends the first 4096 bytes of a long message alone, after which the reader
 * reads straight into the message, and the rest in one piece. Many short pieces would overflow its queue of 256.
 */
const FIRST_PAYLOAD_BYTES = 4096;

/** Bytes that may wait in one connection for whoever reads it: four of the largest messages. */
const UNREAD_BYTES_MAX = 4 * PAYLOAD_BYTES_MAX;

/** Bytes that are no mux payloads, or a peer that sends faster than is read: the socket cannot be used any further. */
export class MuxError extends CodedError<'BadHeader' | 'Overflow'> {
  override readonly name = 'MuxError';
}

/** A piece of one connection's bytes. */
interface MuxPiece {
  readonly connectionId: number;
  readonly bytes: Uint8Array;
}

/** Sorts the bytes of a socket by connection. Payloads are passed on as they arrive, whole or in parts. */
export class MuxDecoder {
  readonly #queue = new ByteQueue();
  #connectionId = 0;
  #missingBytes = 0;

  /**
   * Takes the next bytes and yields what they hold for each connection.
   * @throws MuxError `BadHeader` when they are no mux payloads.
   */
  *push(chunk: Uint8Array): Generator<MuxPiece> {
    this.#queue.push(chunk);
    for (;;) {
      while (this.#missingBytes > 0) {
        const bytes = this.#queue.takeSome(this.#missingBytes);
        if (bytes.length === 0) return;
        this.#missingBytes -= bytes.length;
        yield { connectionId: this.#connectionId, bytes };
      }
      const header = this.#queue.take(HEADER_BYTES);
      if (header === undefined) return;
      this.#readHeader(header);
    }
  }

  #readHeader(header: Uint8Array): void {
    const view = new DataView(header.buffer, header.byteOffset, HEADER_BYTES);
    const lengthBytes = view.getUint32(4);
    if (lengthBytes > PAYLOAD_BYTES_MAX) {
      throw new MuxError(
        'BadHeader',
        `Cannot read the NRI mux header ${Buffer.from(header).toString('hex')}: it announces ${lengthBytes} bytes, ` +
          `want at most ${PAYLOAD_BYTES_MAX}; the peer does not speak NRI`,
      );
    }
    this.#connectionId = view.getUint32(0);
    this.#missingBytes = lengthBytes;
  }
}

function encodePayload(connectionId: number, payload: Uint8Array, bytes: Buffer): void {
  bytes.writeUInt32BE(connectionId, 0);
  bytes.writeUInt32BE(payload.length, 4);
  bytes.set(payload, HEADER_BYTES);
}

/**
 * The bytes that carry one message on a connection: one mux payload up to 4096 bytes, else the first 4096 bytes in one
 * and the rest in another.
 */
export function encodeMuxMessage(connectionId: number, message: Uint8Array): Uint8Array {
  const first = message.subarray(0, FIRST_PAYLOAD_BYTES);
  const rest = message.subarray(FIRST_PAYLOAD_BYTES);
  const bytes = Buffer.allocUnsafe(message.length + HEADER_BYTES * (rest.length > 0 ? 2 : 1));
  encodePayload(connectionId, first, bytes);
  if (rest.length > 0) encodePayload(connectionId, rest, bytes.subarray(HEADER_BYTES + first.length));
  return bytes;
}

/** One connection of a mux. Each write is one message: it is put on the wire by the rule above, never joined with others. */
class MuxConnection extends Duplex {
  readonly #send: (message: Uint8Array, done: () => void) => void;
  readonly #onGone: () => void;

  constructor(send: (message: Uint8Array, done: () => void) => void, onGone: () => void) {
    super({ allowHalfOpen: false });
    this.#send = send;
    this.#onGone = onGone;
  }

  override _read(): void {}

  override _write(message: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    this.#send(message, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#onGone();
    done(error);
  }
}

/**
 * Several connections over one socket, which it owns from now on. Opening one is local: nothing is sent, the other end
 * opens the same id. Bytes for ids that are not open are dropped. Closing a connection leaves the socket open.
 */
export class Mux {
  readonly #trunk: Duplex;
  readonly #onClosed: ((cause: Error | undefined) => void) | undefined;
  readonly #decoder = new MuxDecoder();
  readonly #connections = new Map<number, MuxConnection>();
  #closed = false;

  /** `onClosed` is called once, when the socket is gone and every connection closed; without a cause after an orderly end. */
  constructor(trunk: Duplex, onClosed?: (cause: Error | undefined) => void) {
    this.#trunk = trunk;
    this.#onClosed = onClosed;
    trunk.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    trunk.on('error', (error) => this.close(error));
    trunk.on('end', () => this.close());
    trunk.on('close', () => this.close());
    // A socket that is gone already says nothing any more.
    if (trunk.destroyed) queueMicrotask(() => this.close());
  }

  /** Opens a connection; ids are 1 and up. Open it before the peer can send on it. */
  open(connectionId: number): Duplex {
    const connection = new MuxConnection(
      (message, done) => this.#send(connectionId, message, done),
      () => this.#forget(connectionId, connection),
    );
    this.#connections.set(connectionId, connection);
    if (this.#closed) connection.destroy();
    return connection;
  }

  /** Closes all connections and the socket. May be called again. */
  close(cause?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#trunk.destroy();
    for (const connection of this.#connections.values()) connection.destroy();
    this.#connections.clear();
    this.#onClosed?.(cause);
  }

  #send(connectionId: number, message: Uint8Array, done: () => void): void {
    if (this.#closed || this.#trunk.write(encodeMuxMessage(connectionId, message))) done();
    else this.#trunk.once('drain', done);
  }

  #forget(connectionId: number, connection: MuxConnection): void {
    if (this.#connections.get(connectionId) === connection) this.#connections.delete(connectionId);
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (const { connectionId, bytes } of this.#decoder.push(chunk)) {
        if (this.#closed) return;
        this.#deliver(connectionId, bytes);
      }
    } catch (error) {
      if (!(error instanceof MuxError)) throw error;
      this.close(error);
    }
  }

  #deliver(connectionId: number, bytes: Uint8Array): void {
    const connection = this.#connections.get(connectionId);
    if (connection === undefined) return;
    connection.push(bytes);
    if (connection.readableLength > UNREAD_BYTES_MAX) {
      throw new MuxError(
        'Overflow',
        `Cannot queue more for NRI connection ${connectionId}: ${connection.readableLength} bytes wait, ` +
          `want at most ${UNREAD_BYTES_MAX}; read it or close it`,
      );
    }
  }
}
