import { once } from 'node:events';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Log } from '../../lib/log.ts';
import { DriverHolder, type DriverHolderOptions, type TakenOver } from '../driver-holder.ts';
import { type DriverIdentity, identifyDriver } from '../driver-identity.ts';

const PROCESS = { pid: 7, hostname: 'worker', version: '0.1.0' };

/** The identity of a driver's pod. */
export const podOf = (name: string, namespace = 'kube-system') =>
  identifyDriver({ namespace, name, uid: undefined }, PROCESS);

/** Where the driver of an identity serves. */
export const endpointOf = (directory: string, { holder }: DriverIdentity) =>
  join(directory, `dra-${holder.replace(/^.*[ /]/, '')}.sock`);

/** Holders of one node, which are released after the test, and what they were told. */
export class Holders {
  readonly directory: string;
  /** Holders that ended without a successor. */
  readonly abandoned: string[] = [];
  /** Successors of which holders heard, in order. */
  readonly takenOver: TakenOver[] = [];
  /** Messages of warnings and errors, in order. */
  readonly warnings: string[] = [];
  readonly #holders: DriverHolder[] = [];
  readonly #servers: Server[] = [];

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async create(context: TestContext): Promise<Holders> {
    const holders = new Holders(await mkdtemp(join(tmpdir(), 'dh-')));
    context.after(() => holders.#end());
    return holders;
  }

  /** A driver that does not hold the node yet. */
  add(identity: DriverIdentity, options: Partial<DriverHolderOptions> = {}): DriverHolder {
    const note = (message: string) => void this.warnings.push(message);
    const log: Log = { error: note, warn: note, info: () => {}, debug: () => {} };
    const holder = new DriverHolder({
      directory: this.directory,
      identity,
      endpoint: endpointOf(this.directory, identity),
      onTakenOver: async (successor) => void this.takenOver.push(successor),
      onAbandoned: () => void this.abandoned.push(identity.holder),
      successorPatienceMs: 50,
      log,
      ...options,
    });
    this.#holders.push(holder);
    return holder;
  }

  /** Puts a socket of another program in the place of the holder's. */
  async impersonate(serve: (socket: Socket) => void): Promise<Server> {
    const server = createServer((socket) => serve(socket.on('error', () => {})));
    this.#servers.push(server);
    const path = join(this.directory, `impostor-${this.#servers.length}`);
    server.listen(path);
    await once(server, 'listening');
    await rename(path, join(this.directory, 'holder.sock'));
    return server;
  }

  async #end(): Promise<void> {
    await Promise.all(this.#holders.map((holder) => holder.release()));
    for (const server of this.#servers) server.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}
