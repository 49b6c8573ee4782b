import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { SocketKeeper } from '../sockets/socket-keeper.ts';
import { SocketListener } from '../sockets/socket-listener.ts';
import { sleep } from '../lib/backoff.ts';
import type { JsonObject } from '../lib/json.ts';
import type { Log } from '../lib/log.ts';
import { type DriverIdentity, readIdentity } from './driver-identity.ts';

/** Another driver manages the CPUs of this node. */
export class DriverHolderError extends Error {
  override readonly name = 'DriverHolderError';
  readonly code = 'SecondDriver';
}

/** Who is asked answers from memory; who gives the node up ends its calls under way first, which may wait 10 s for CPUs. */
const ANSWER_TIMEOUT_MS = 2_000;
const RELEASE_TIMEOUT_MS = 12_000;
/** Between two questions to whoever holds the node. */
const RETRY_INTERVAL_MS = 50;
/**
 * How long nobody may hold the node before whoever gave it up last takes it back. A container that ended is started again sooner, and
 * a socket that was removed is put back within 5 s (socket-keeper.ts).
 */
const SUCCESSOR_PATIENCE_MS = 10_000;
/** Looks within that time; all must find nobody. */
const SUCCESSOR_LOOKS = 5;
const LINE_LENGTH_MAX_BYTES = 4_096;
/** The object on a line, or undefined when it is none. */
function parseLine(line: string | undefined): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(line ?? '');
    return typeof value === 'object' && value !== null ? (value as JsonObject) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Reads lines one by one; undefined at the end, after the time or after too long a line. */
class LineReader {
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => socket.destroy());
    socket.on('data', () => {
      if (socket.bytesRead > LINE_LENGTH_MAX_BYTES) socket.destroy();
    });
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  async next(timeoutMs: number): Promise<string | undefined> {
    const timer = setTimeout(() => this.#socket.destroy(), timeoutMs);
    try {
      const { value, done } = await this.#lines.next();
      return done ? undefined : value;
    } catch {
      // A connection that breaks is one that ends.
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A connection with whoever listens, undefined when nobody does. */
async function dial(path: string): Promise<Socket | undefined> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return socket;
  } catch {
    return undefined;
  }
}

/** What a holder is made of. */
export interface DriverHolderOptions {
  /** `<kubelet root>/plugins/<driver name>`. */
  readonly directory: string;
  readonly identity: DriverIdentity;
  /** Where this driver serves the kubelet's DRA calls. */
  readonly endpoint: string;
  /**
   * A pod of the same installation takes over and serves at `endpoint`. When this resolves, nothing of the old driver acts on
   * the node any more. Called once.
   */
  readonly onTakenOver: (successor: { readonly endpoint: string }) => Promise<void>;
  /** Nobody has the node any more to whom it was given up, such as after an update that was taken back. Called once. */
  readonly onAbandoned: () => void;
  /** Default 10 s. */
  readonly successorPatienceMs?: number;
  readonly log: Log;
}

/**
 * Lets one driver manage a node: who holds the node answers with its name on a Unix socket beside the driver's others, and
 * gives the node up to a newer pod of its own installation. Sockets work between pods where process ids and network addresses
 * mean nothing, and end with their process.
 *
 * The holder says who it is in a line of JSON; the successor answers `{"endpoint"}`, and the holder `{"released":true}` when
 * it has left. Of several successors one hears that, and the others find that one in its place.
 */
export class DriverHolder {
  readonly #options: DriverHolderOptions;
  readonly #listener: SocketListener;
  readonly #keeper: SocketKeeper;
  readonly #released = new AbortController();
  #leaving: Promise<void> | undefined;

  constructor(options: DriverHolderOptions) {
    this.#options = options;
    this.#listener = new SocketListener(join(options.directory, 'holder.sock'), (socket) => void this.#serve(socket));
    this.#keeper = new SocketKeeper([this.#listener], options.log);
  }

  /**
   * Takes the node; a pod of the same installation is asked to leave it, as in a rolling update.
   * @throws DriverHolderError naming the driver of another installation that has it; SocketError when the socket cannot be
   *   opened.
   */
  async take(): Promise<void> {
    const { log } = this.#options;
    const deadlineMs = performance.now() + RELEASE_TIMEOUT_MS;
    for (;;) {
      const socket = await dial(this.#listener.path);
      if (!socket) return this.#hold();
      const { other, hasLeft } = await this.#askToLeave(socket);
      const isLate = performance.now() > deadlineMs;
      if (hasLeft || isLate) {
        const fields = { from: other.holder, version: other.version };
        if (hasLeft) log.info('node taken over', fields);
        else log.warn('node taken over from a driver that did not say it left', fields);
        return this.#hold({ evenIfAnswered: true });
      }
      // It has left for another newcomer, who will answer here in a moment, or it has ended. Unlike lib's sleep this keeps the
      // process alive, which has nothing else to do yet.
      await delay(RETRY_INTERVAL_MS);
    }
  }

  /**
   * Makes sure that no other driver took the node in the same moment, when neither found a holder: the later one stays.
   * @throws DriverHolderError when this driver is the earlier one.
   */
  async confirm(): Promise<void> {
    if (await this.#listener.isInPlace()) return;
    throw new DriverHolderError(
      `Cannot start ${this.#options.identity.holder}: another driver took the node in the same moment, as ` +
        `${JSON.stringify(this.#listener.path)} is not its own any more; start it again`,
    );
  }

  /** Gives the node up. May be called twice. */
  async release(): Promise<void> {
    this.#released.abort();
    await this.#keeper.stop();
    await this.#listener.close();
  }

  /** Answers from now on, also after a kubelet that starts has removed the socket with its directory. */
  async #hold(options?: { readonly evenIfAnswered: boolean }): Promise<void> {
    await this.#listener.open(options);
    this.#keeper.start();
  }

  /** Answers a newcomer. */
  async #serve(socket: Socket): Promise<void> {
    const lines = new LineReader(socket);
    const { identity, log, onTakenOver } = this.#options;
    socket.write(`${JSON.stringify(identity)}\n`);
    const endpoint = parseLine(await lines.next(ANSWER_TIMEOUT_MS))?.endpoint;
    if (typeof endpoint !== 'string') return void socket.end();
    const isFirst = this.#leaving === undefined;
    if (isFirst) log.info('node given up to a successor', { endpoint });
    this.#leaving ??= onTakenOver({ endpoint });
    await this.#leaving;
    await this.#keeper.stop();
    // One alone gets the node; the others ask that one.
    if (isFirst) socket.write('{"released":true}\n');
    socket.end();
    if (isFirst) await this.#watchSuccessors();
  }

  /** Looks after the node until it is this driver's no more, or nobody's. */
  async #watchSuccessors(): Promise<void> {
    const { log, onAbandoned, successorPatienceMs = SUCCESSOR_PATIENCE_MS } = this.#options;
    const { signal } = this.#released;
    for (let misses = 0; misses < SUCCESSOR_LOOKS; ) {
      await sleep(successorPatienceMs / SUCCESSOR_LOOKS, signal);
      misses = (await this.#hasSuccessor()) ? 0 : misses + 1;
      if (signal.aborted) return;
    }
    log.warn('nobody has the node to whom it was given up', { socket: this.#listener.path });
    onAbandoned();
  }

  /** Whether another driver answers where this one did. */
  async #hasSuccessor(): Promise<boolean> {
    if (await this.#listener.isInPlace()) return false;
    const socket = await dial(this.#listener.path);
    socket?.destroy();
    return socket !== undefined;
  }

  /** Asks the holder to leave. @throws DriverHolderError when it is of another installation. */
  async #askToLeave(socket: Socket): Promise<{ other: DriverIdentity; hasLeft: boolean }> {
    const { identity, endpoint } = this.#options;
    try {
      const lines = new LineReader(socket);
      const other = readIdentity(parseLine(await lines.next(ANSWER_TIMEOUT_MS)));
      if (other.release !== identity.release) {
        throw new DriverHolderError(
          `Cannot start ${identity.holder}: ${other.holder} (dracpu ${other.version}) manages the CPUs of this node ` +
            `already and answers on ${JSON.stringify(this.#listener.path)}; a node has one CPU driver, uninstall one of the two`,
        );
      }
      socket.write(`${JSON.stringify({ endpoint })}\n`);
      return { other, hasLeft: parseLine(await lines.next(RELEASE_TIMEOUT_MS))?.released === true };
    } finally {
      socket.destroy();
    }
  }
}
