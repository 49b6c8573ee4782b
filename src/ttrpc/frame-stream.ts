import type { Duplex } from 'node:stream';
import { encodeFrame, type Frame, FrameDecoder, FrameError, type OversizedFrame } from './frame.ts';
import { TtrpcError } from './status.ts';

/** Bytes that may wait for a peer that does not read, before it is taken for dead: eight of the largest messages. */
const UNSENT_BYTES_MAX = 32 * 1024 * 1024;

/** What one end of a connection does with what arrives. */
export interface FrameListener {
  onFrame(frame: Frame): void;
  onOversized(frame: OversizedFrame): void;
  /** Called once; `cause` is undefined when either side closed the connection in order. */
  onClosed(cause: Error | undefined): void;
}

/** Frames over a Duplex. Frames are handed on in the tick in which their last byte arrived, in order. */
export class FrameStream {
  readonly #stream: Duplex;
  readonly #listener: FrameListener;
  readonly #decoder = new FrameDecoder();
  #closed = false;

  constructor(stream: Duplex, listener: FrameListener) {
    this.#stream = stream;
    this.#listener = listener;
    stream.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    stream.on('error', (error) => this.close(error));
    stream.on('end', () => this.close());
    stream.on('close', () => this.close());
    // A stream that is gone already says nothing any more.
    if (stream.destroyed) queueMicrotask(() => this.close());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends a frame; nothing happens when the connection is closed. */
  send(frame: Frame): void {
    if (this.#closed) return;
    this.#stream.write(encodeFrame(frame));
    if (this.#stream.writableLength > UNSENT_BYTES_MAX) {
      const waiting = `${this.#stream.writableLength} bytes wait, want at most ${UNSENT_BYTES_MAX}`;
      this.close(new TtrpcError('ResourceExhausted', `Cannot send to a peer that does not read: ${waiting}`));
    }
  }

  /** Closes the connection and the stream under it. May be called again. */
  close(cause?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.destroy();
    this.#listener.onClosed(cause);
  }

  #receive(chunk: Uint8Array): void {
    if (this.#closed) return;
    try {
      for (const frame of this.#decoder.push(chunk)) {
        if ('payload' in frame) this.#listener.onFrame(frame);
        else this.#listener.onOversized(frame);
        if (this.#closed) return;
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.close(error);
    }
  }
}
