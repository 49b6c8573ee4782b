import type { Socket } from 'node:net';
import { encodeReply, type HttpReply } from './http-reply.ts';
import { HEAD_LENGTH_MAX_BYTES, type ParsedHead, parseRequestHead } from './request-head.ts';

/** How far a connection is. */
export type ConnectionState =
  /** Between requests. */
  | 'idle'
  /** In the head of a request; at first, before its first byte. */
  | 'reading'
  /** A request was read, and its answer is not sent yet. */
  | 'waiting'
  /** An answer is on its way, and another request may follow. */
  | 'sending'
  /** The last answer is on its way; the client hangs up once it has read it. */
  | 'closing'
  | 'closed';

/** A request head, or why it is refused. */
export type ReadHead = Exclude<ParsedHead, { kind: 'incomplete' }>;

/** What a connection needs of its server. */
export interface ConnectionHost {
  /** A request came, and is to be answered by one `send`. */
  readonly onRequest: (connection: Connection, request: ReadHead) => void;
  /** The connection has a new state, but for `closed`. */
  readonly onState: (connection: Connection) => void;
  readonly onClosed: (connection: Connection) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/**
 * An answer up to this size, in bytes, leaves the connection open. After a larger one it closes, and is counted until the client has
 * read all of it: the kernel takes megabytes for a client that never reads.
 */
export const SMALL_REPLY_MAX_BYTES = 4_096;

/** How many requests one connection may make; unread small answers stay in the kernel too. */
const REQUESTS_MAX = 32;

/** What a client may send after its last request, in bytes. It is read, so that closing does not take the answer from the client. */
const DISCARDED_MAX_BYTES = 256 * 1_024;

/** How long each state may last, in milliseconds. Probes and scrapes take a few; pages are rendered within one second. */
const TIMEOUTS_MS: Readonly<Record<ConnectionState, number>> = {
  idle: 5_000,
  reading: 5_000,
  waiting: 10_000,
  sending: 3_000,
  closing: 5_000,
  closed: Number.POSITIVE_INFINITY,
};

const NOTHING = Buffer.alloc(0);

/**
 * Frees what was received at once. Node reads 64 KiB at a time, and V8 lets 32 MiB of such buffers gather before it looks which of
 * them are in use.
 */
function releaseMemory({ buffer, length }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length) buffer.transfer(0);
}

/** One client: a request at a time. One that asks again before it has its answer gets that answer and no other. */
export class Connection {
  /** The client's address. */
  readonly address: string;
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  #state: ConnectionState = 'reading';
  #sinceMs: number;
  #received: Buffer = NOTHING;
  #requests = 0;
  #discardedBytes = 0;
  #unreadBytes = 0;
  #isHeadOnly = false;
  #mayContinue = true;

  /** @param socket open, with `allowHalfOpen`, and not read yet. */
  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket;
    this.#host = host;
    this.address = socket.remoteAddress ?? '';
    this.#sinceMs = host.now();
    socket.on('error', () => {});
    socket.on('close', () => this.#end());
    socket.on('end', () => this.#endOfRequests());
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** When its state began, in milliseconds. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Bytes of an answer that the client may not have read yet. */
  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  /** Answers the request that was read. */
  send(reply: HttpReply): void {
    if (this.#state !== 'waiting') return;
    const keepsAlive = this.#mayContinue && this.#requests < REQUESTS_MAX && reply.body.length <= SMALL_REPLY_MAX_BYTES;
    const parts = encodeReply(reply, { keepsAlive, isHeadOnly: this.#isHeadOnly });
    this.#unreadBytes = parts.reduce((sum, { length }) => sum + length, 0);
    this.#enter(keepsAlive ? 'sending' : 'closing');
    this.#socket.cork();
    for (const part of parts.slice(0, -1)) this.#socket.write(part);
    this.#socket.write(parts.at(-1) ?? NOTHING, keepsAlive ? () => this.#continue() : undefined);
    this.#socket.uncork();
    if (!keepsAlive) this.#socket.end();
  }

  /** Whether its state has lasted too long. */
  isExpired(nowMs: number): boolean {
    return nowMs - this.#sinceMs > TIMEOUTS_MS[this.#state];
  }

  /** Hangs up at once; the kernel forgets what the client has not read. */
  drop(): void {
    if (this.#state === 'idle') this.#socket.destroy();
    else this.#socket.resetAndDestroy();
    this.#end();
  }

  #enter(state: ConnectionState): void {
    if (this.#state === 'closed') return;
    this.#state = state;
    this.#sinceMs = this.#host.now();
    if (state === 'closed') this.#host.onClosed(this);
    else this.#host.onState(this);
  }

  #receive(chunk: Buffer): void {
    if (this.#state === 'idle') this.#enter('reading');
    if (this.#state === 'reading') this.#readHead(chunk);
    else this.#discard(chunk);
    releaseMemory(chunk);
  }

  #readHead(chunk: Buffer): void {
    const received = Buffer.concat([this.#received, chunk.subarray(0, HEAD_LENGTH_MAX_BYTES)]);
    const parsed = parseRequestHead(received);
    if (parsed.kind === 'incomplete') {
      this.#received = received;
      return;
    }
    const isAll = parsed.kind === 'complete' && parsed.lengthBytes === this.#received.length + chunk.length;
    const isLast = parsed.kind !== 'complete' || parsed.head.hasBody || !parsed.head.keepsAlive;
    this.#mayContinue &&= isAll && !isLast;
    this.#isHeadOnly = parsed.kind === 'complete' && parsed.head.method === 'HEAD';
    this.#received = NOTHING;
    this.#requests += 1;
    this.#enter('waiting');
    this.#host.onRequest(this, parsed);
  }

  #discard(chunk: Buffer): void {
    this.#mayContinue = false;
    this.#discardedBytes += chunk.length;
    if (this.#discardedBytes > DISCARDED_MAX_BYTES) this.drop();
  }

  #continue(): void {
    if (this.#state !== 'sending') return;
    this.#unreadBytes = 0;
    if (this.#mayContinue) this.#enter('idle');
    else this.#socket.destroy();
  }

  /** The client sends no more requests; the last one still gets its answer. */
  #endOfRequests(): void {
    this.#mayContinue = false;
    if (this.#state === 'idle' || this.#state === 'reading') this.#socket.destroy();
  }

  #end(): void {
    this.#unreadBytes = 0;
    this.#enter('closed');
  }
}
