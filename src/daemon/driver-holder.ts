import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { KubeletError } from '../kubelet/kubelet-error.ts';
import { SocketListener } from '../kubelet/socket-listener.ts';
import { errorText, type Log } from '../lib/log.ts';

/** Who manages the CPUs of the node. */
export interface DriverIdentity {
  /** What is the same in all pods of one installation, such as "kube-system/dra-driver-cpu". */
  readonly release: string;
  /** The pod, or the process where there is no pod. */
  readonly holder: string;
  readonly version: string;
}

/** Another driver manages the CPUs of this node. */
export class DriverHolderError extends Error {
  override readonly name = 'DriverHolderError';
  readonly code = 'SecondDriver';
}

const ANSWER_TIMEOUT_MS = 2_000;
const ANSWER_LENGTH_MAX_BYTES = 4_096;
/** What a DaemonSet's controller appends to the names of its pods (apiserver names.SimpleNameGenerator). */
const POD_NAME_SUFFIX = /-[bcdfghjklmnpqrstvwxz2456789]{5}$/;

/**
 * The identity of this driver. Pods of one DaemonSet have its name in common, by which a rolling update is told from a second
 * installation.
 */
export function identifyDriver(
  pod: { readonly namespace: string | undefined; readonly name: string | undefined },
  process: { readonly pid: number; readonly hostname: string; readonly version: string },
): DriverIdentity {
  const { pid, hostname, version } = process;
  if (pod.name === undefined || pod.name === '') {
    const holder = `process ${pid} on ${hostname}`;
    return { release: holder, holder, version };
  }
  const path = `${pod.namespace ?? 'default'}/${pod.name}`;
  return { release: path.replace(POD_NAME_SUFFIX, ''), holder: `pod ${path}`, version };
}

/** All that a peer sends before it closes, or what came until the limits were reached. */
async function readAnswer(path: string): Promise<string | undefined> {
  const socket = connect(path);
  socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy());
  try {
    await once(socket, 'connect');
    let text = '';
    for await (const chunk of socket) {
      text += String(chunk);
      if (text.length > ANSWER_LENGTH_MAX_BYTES) break;
    }
    return text;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

function parseIdentity(text: string): DriverIdentity {
  const unknown = { release: 'unknown', holder: 'an unknown program', version: 'unknown' };
  try {
    const { release, holder, version } = JSON.parse(text) as Partial<DriverIdentity>;
    return typeof release === 'string' && typeof holder === 'string' && typeof version === 'string'
      ? { release, holder, version }
      : unknown;
  } catch {
    // Whatever listens there and says something else: it is nobody we know.
    return unknown;
  }
}

/**
 * Lets one installation of the driver manage a node: who holds the node answers with its name on a Unix socket beside the
 * driver's others. Sockets work between pods where process ids and network addresses mean nothing, and end with their process.
 */
export class DriverHolder {
  readonly #identity: DriverIdentity;
  readonly #listener: SocketListener;
  readonly #log: Log;

  /** @param directory `<kubelet root>/plugins/<driver name>`. */
  constructor(directory: string, identity: DriverIdentity, log: Log) {
    this.#identity = identity;
    this.#log = log;
    this.#listener = new SocketListener(join(directory, 'holder.sock'), (socket: Socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(JSON.stringify(identity));
    });
  }

  /**
   * Takes the node; from a pod of the same installation it is taken over, as in a rolling update.
   * @throws DriverHolderError naming the driver of another installation that has it; KubeletError when the socket cannot be
   *   opened.
   */
  async take(): Promise<void> {
    const { path } = this.#listener;
    const answer = await readAnswer(path);
    if (answer !== undefined) await this.#replace(parseIdentity(answer), path);
    await this.#listener.open();
  }

  /** Gives the node up. May be called twice. */
  async release(): Promise<void> {
    await this.#listener.close();
  }

  async #replace(other: DriverIdentity, path: string): Promise<void> {
    if (other.release !== this.#identity.release) {
      throw new DriverHolderError(
        `Cannot start ${this.#identity.holder}: ${other.holder} (dracpu ${other.version}) manages the CPUs of this node ` +
          `already and answers on ${JSON.stringify(path)}; a node has one CPU driver, uninstall one of the two`,
      );
    }
    this.#log.info('node taken over', { from: other.holder, version: other.version });
    try {
      await rm(path, { force: true });
    } catch (error) {
      throw new KubeletError('CannotListen', `Cannot replace "${path}": ${errorText(error)}`, { cause: error });
    }
  }
}
