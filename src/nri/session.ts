import type { Duplex } from 'node:stream';
import { type ContainerUpdate, RuntimeDefinition } from '../gen/nri.ts';
import { createServiceClient, type ServiceClient, TtrpcClient } from '../ttrpc/client.ts';
import { TtrpcServer } from '../ttrpc/server.ts';
import { Mux, MUX_CONNECTIONS } from './mux.ts';
import { NriError } from './nri-error.ts';
import { createPluginService, type PluginServiceOptions } from './plugin-service.ts';

/** The NRI whose calls and events are understood, as the runtime is told. */
const NRI_VERSION = 'v0.12.0';

/**
 * Time for the whole way from connecting to the synchronised state, in milliseconds. The runtime lets plugins in one
 * after the other and gives a silent one 5 s, so that a few of those may be before us.
 */
const READY_TIMEOUT_MS = 60_000;

/** What a session needs. */
export interface SessionOptions extends PluginServiceOptions {
  readonly name: string;
  /** Two digits. */
  readonly index: string;
}

/** One connection with a runtime, from registration to its end. */
export class NriSession {
  /** Resolves when the connection has ended, with the reason. Never rejects. */
  readonly ended: Promise<Error>;

  readonly #runtime: ServiceClient<typeof RuntimeDefinition>;
  readonly #end: (cause: Error) => void;

  /** Begins to register over `trunk`, a new connection to the runtime's socket, which it owns from now on. */
  constructor(trunk: Duplex, options: SessionOptions) {
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.ended = promise;
    const lost = (cause?: Error) => this.close(cause);
    const mux = new Mux(trunk, lost);
    const ready = setTimeout(() => this.close(notReady()), READY_TIMEOUT_MS);
    const onSynchronized = () => {
      clearTimeout(ready);
      options.onSynchronized();
    };
    const routes = createPluginService({ ...options, onSynchronized });
    // Both ends exist before anything is sent: the runtime may configure the plugin before it answers the registration.
    const server = new TtrpcServer(mux.open(MUX_CONNECTIONS.pluginService), routes, lost);
    const client = new TtrpcClient(mux.open(MUX_CONNECTIONS.runtimeService), lost);
    this.#end = (cause) => {
      clearTimeout(ready);
      resolve(cause);
      client.close(cause);
      server.close(cause);
      mux.close(cause);
    };
    this.#runtime = createServiceClient(client, RuntimeDefinition);
    this.#runtime
      .registerPlugin({ pluginName: options.name, pluginIdx: options.index, nriVersion: NRI_VERSION })
      .catch((error: Error) => this.close(error));
  }

  /**
   * Asks the runtime to update containers and returns those it could not update.
   * @throws TtrpcError when the runtime refuses or does not answer in time.
   */
  async updateContainers(update: ContainerUpdate[], timeoutMs: number): Promise<ContainerUpdate[]> {
    const { failed } = await this.#runtime.updateContainers({ update, evict: [] }, { timeoutMs });
    return failed;
  }

  /** Ends the connection. May be called again; the first cause counts. */
  close(cause: Error = new NriError('ConnectionLost', 'The runtime closed the connection')): void {
    this.#end(cause);
  }
}

function notReady(): NriError {
  return new NriError(
    'RegistrationTimeout',
    `Cannot register with the runtime: it did not send its state within ${READY_TIMEOUT_MS / 1000} s`,
  );
}
