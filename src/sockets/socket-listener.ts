import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rename, rm, stat } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { errorText } from '../lib/log.ts';
import { SocketError } from './socket-error.ts';
import { checkSocketPath } from './socket-paths.ts';
import { makeDirectory } from '../lib/make-directory.ts';

/** As the Go helper: the kubelet runs as root, nobody else calls. */
const DIRECTORY_MODE = 0o750;

/** Whether a process accepts connections on a socket. */
async function isAnswered(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A file's identity, undefined when there is none. */
async function identify(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found && `${found.dev}:${found.ino}`;
}

/**
 * A listening Unix socket that knows whether the file at its path is still its own. The socket is opened under a hidden
 * name, which the kubelet's plugin watcher skips, and renamed: whoever sees the file can connect, and closing never
 * removes the file of a successor.
 */
export class SocketListener {
  readonly path: string;
  readonly #onConnection: (socket: Socket) => void;
  #server: Server | undefined;
  #identity: string | undefined;

  constructor(path: string, onConnection: (socket: Socket) => void) {
    this.path = path;
    this.#onConnection = onConnection;
  }

  /**
   * Listens, again if it did before; a stale socket is replaced and a missing directory made. With `evenIfAnswered` so
   * is one on which another process answers, which then gets no connection any more.
   * @throws SocketError PathTooLong, SocketInUse when another process answers there, CannotListen
   */
  async open({ evenIfAnswered = false } = {}): Promise<void> {
    checkSocketPath(this.path);
    if (!evenIfAnswered && !(await this.isInPlace()) && (await isAnswered(this.path))) {
      throw new SocketError(
        'SocketInUse',
        `Cannot listen on "${this.path}": another process answers there; stop the other driver of the same name first`,
      );
    }
    try {
      await this.#listen();
    } catch (error) {
      const message = `Cannot listen on "${this.path}": ${errorText(error)}; check --kubelet-root-dir and its permissions`;
      throw new SocketError('CannotListen', message, { cause: error });
    }
  }

  /** Whether the file at the path is the socket this listener opened. */
  async isInPlace(): Promise<boolean> {
    return this.#identity !== undefined && (await identify(this.path)) === this.#identity;
  }

  /** Stops accepting and removes the socket if it is still ours. Connections go on. */
  async close(): Promise<void> {
    this.#server?.close();
    this.#server = undefined;
    if (await this.isInPlace()) await rm(this.path, { force: true });
    this.#identity = undefined;
  }

  async #listen(): Promise<void> {
    const directory = dirname(this.path);
    await makeDirectory(directory, { mode: DIRECTORY_MODE });
    const hidden = join(directory, `.${randomBytes(3).toString('hex')}`);
    const server = createServer(this.#onConnection);
    server.listen(hidden);
    await once(server, 'listening');
    try {
      const identity = await identify(hidden);
      await rename(hidden, this.path);
      this.#server?.close();
      this.#server = server;
      this.#identity = identity;
    } catch (error) {
      server.close();
      throw error;
    }
  }
}
