import { DRAPluginDefinition as DraPluginV1 } from '../gen/kubelet/dra-v1.ts';
import { DRAPluginDefinition as DraPluginV1beta1 } from '../gen/kubelet/dra-v1beta1.ts';
import { DRAResourceHealthDefinition as HealthV1 } from '../gen/kubelet/dra-health-v1.ts';
import { DRAResourceHealthDefinition as HealthV1alpha1 } from '../gen/kubelet/dra-health-v1alpha1.ts';
import { RegistrationDefinition } from '../gen/kubelet/pluginregistration-v1.ts';
import { toGrpcMethods } from '../lib/grpc-methods.ts';
import type { Log } from '../lib/log.ts';
import type { ClaimHandler } from './claim-handler.ts';
import { createDraService, type KubeletCall } from './dra-service.ts';
import { createHealthService, type HealthSource } from './health-service.ts';
import { createRegistrationService, type RegistrationVerdict } from './registration-service.ts';
import { SocketKeeper } from '../sockets/socket-keeper.ts';
import { type ServedService, SocketServer } from './socket-server.ts';

/** Names as the kubelet matches them (k8s.io/kubelet 0.37: dra and dra-health, types.go), newest first. */
const DRA_SERVICES = ['v1.DRAPlugin', 'v1beta1.DRAPlugin'];
const HEALTH_SERVICES = ['v1.DRAResourceHealth', 'v1alpha1.DRAResourceHealth'];

/** How a driver meets the kubelet. */
export interface KubeletPluginOptions {
  /** Such as "dra.cpu". */
  readonly driverName: string;
  readonly registrationSocketPath: string;
  readonly endpointSocketPath: string;
  readonly handler: ClaimHandler;
  /** Where device health is known; without it the health services are not offered. */
  readonly health?: HealthSource;
  /** Called with each verdict of the kubelet; it gives one whenever it, or the socket, is new. */
  readonly onRegistration: (verdict: RegistrationVerdict) => void;
  /** Called after each answered call, for metrics. */
  readonly onCall?: (call: KubeletCall) => void;
  readonly log: Log;
}

/** The driver as a plugin of the kubelet: both sockets, opened and kept, and what is served on them. */
export class KubeletPlugin {
  readonly #endpoint: SocketServer;
  readonly #registration: SocketServer;
  readonly #keeper: SocketKeeper;
  readonly #stopped = new AbortController();

  constructor(options: KubeletPluginOptions) {
    this.#endpoint = new SocketServer(options.endpointSocketPath, endpointServices(options, this.#stopped.signal));
    this.#registration = new SocketServer(options.registrationSocketPath, [registrationService(options)]);
    this.#keeper = new SocketKeeper([this.#endpoint.listener, this.#registration.listener], options.log);
  }

  /**
   * Opens the sockets, the registration socket last: the kubelet may call as soon as it sees it. An instance is started once.
   * @throws SocketError when a socket cannot be opened; nothing stays open then.
   */
  async start(): Promise<void> {
    try {
      await this.#endpoint.listener.open();
      await this.#registration.listener.open();
      this.#keeper.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Closes the sockets in the opposite order and lets calls under way end. May be called twice. */
  async stop(): Promise<void> {
    await this.#keeper.stop();
    await this.#registration.stop();
    this.#stopped.abort();
    await this.#endpoint.stop();
  }
}

function endpointServices(options: KubeletPluginOptions, stopped: AbortSignal): ServedService[] {
  const { handler, health, onCall = () => {} } = options;
  const dra = createDraService(handler, onCall);
  const services: ServedService[] = [
    { methods: toGrpcMethods(DraPluginV1), implementation: dra },
    { methods: toGrpcMethods(DraPluginV1beta1), implementation: dra },
  ];
  if (health === undefined) return services;
  const implementation = createHealthService(health, stopped);
  return [
    ...services,
    { methods: toGrpcMethods(HealthV1), implementation },
    { methods: toGrpcMethods(HealthV1alpha1), implementation },
  ];
}

function registrationService(options: KubeletPluginOptions): ServedService {
  const { driverName, endpointSocketPath, health, onRegistration } = options;
  const services = [...DRA_SERVICES, ...(health === undefined ? [] : HEALTH_SERVICES)];
  const identity = { driverName, endpoint: endpointSocketPath, services };
  return {
    methods: toGrpcMethods(RegistrationDefinition),
    implementation: createRegistrationService(identity, onRegistration),
  };
}
