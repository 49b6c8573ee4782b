import { connect, type Socket } from 'node:net';

/** Longest line of either side; an identity has some 200 bytes. */
const LINE_BYTES_MAX = 4_096;

/**
 * What came of waiting for a line. `silent`: nothing whole in time; `ended`: the other side closed; `tooLong`: no line
 * in 4 KiB.
 */
export type LineResult =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'silent' | 'ended' | 'tooLong' };

/**
 * A connection of which lines of text are read one by one. It keeps at most a line and what came with it, waits for a
 * bounded time that keeps the process alive, and believes nothing after the first line that is too long or late.
 */
export class LineConnection {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #failure: LineResult | undefined;
  #notify = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#fail('ended'));
    socket.on('end', () => this.#fail('ended'));
    socket.on('data', (chunk) => this.#take(chunk));
  }

  /** The next line, without its end. */
  async next(timeoutMs: number): Promise<LineResult> {
    const timer = setTimeout(() => this.#fail('silent'), timeoutMs);
    try {
      for (;;) {
        const line = this.#takeLine();
        if (line !== undefined) return { kind: 'line', text: line };
        if (this.#failure) return this.#failure;
        await new Promise<void>((resolve) => {
          this.#notify = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a value as a line of JSON. */
  send(value: unknown): void {
    if (this.#socket.writable) this.#socket.write(`${JSON.stringify(value)}\n`);
  }

  /** Ends the connection when what was sent has left, without waiting for the other side to end it. */
  end(): void {
    this.#socket.destroySoon();
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    if (this.#received.length > LINE_BYTES_MAX && !this.#received.subarray(0, LINE_BYTES_MAX).includes('\n')) {
      this.#fail('tooLong');
    } else if (this.#received.length > LINE_BYTES_MAX * 2) {
      this.#fail('tooLong');
    }
    this.#notify();
  }

  #takeLine(): string | undefined {
    const end = this.#received.indexOf('\n');
    if (end < 0 || end > LINE_BYTES_MAX) return undefined;
    const line = this.#received.toString('utf8', 0, end);
    this.#received = this.#received.subarray(end + 1);
    return line;
  }

  #fail(kind: 'silent' | 'ended' | 'tooLong'): void {
    this.#failure ??= { kind };
    if (kind !== 'ended') this.#socket.destroy();
    this.#notify();
  }
}

/**
 * Connects to a Unix socket. `refused`: there is no such socket, or no process accepts connections there; `busy`: a
 * process has the socket but takes no connection, such as a frozen one (EAGAIN of connect(2)).
 */
export async function dial(path: string): Promise<Socket | 'refused' | 'busy'> {
  const socket = connect(path);
  const { promise, resolve } = Promise.withResolvers<Socket | 'refused' | 'busy'>();
  socket.once('connect', () => resolve(socket));
  socket.once('error', ({ code }: NodeJS.ErrnoException) => {
    resolve(code === 'ENOENT' || code === 'ECONNREFUSED' ? 'refused' : 'busy');
  });
  return promise;
}
