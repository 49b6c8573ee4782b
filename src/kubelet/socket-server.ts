import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { SocketListener } from '../sockets/socket-listener.ts';

/** Calls under way may end within this time after stop; less than the 5 s a pod's termination may take in all. */
const SHUTDOWN_GRACE_MS = 3_500;

/** A service and what answers it. */
export interface ServedService {
  readonly methods: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/**
 * A gRPC server on a Unix socket. The socket is a listener of its own that feeds connections to gRPC, so that it can be
 * opened anew without disturbing the connections there are.
 */
export class SocketServer {
  readonly listener: SocketListener;
  readonly #server: Server;

  constructor(path: string, services: readonly ServedService[]) {
    this.#server = new Server({ 'grpc.enable_channelz': 0 });
    for (const { methods, implementation } of services) this.#server.addService(methods, implementation);
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    this.listener = new SocketListener(path, (socket) => injector.injectConnection(socket));
  }

  /** Accepts no more calls, lets those under way end, and cuts off what takes too long. */
  async stop(): Promise<void> {
    await this.listener.close();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#server.forceShutdown(), SHUTDOWN_GRACE_MS);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
