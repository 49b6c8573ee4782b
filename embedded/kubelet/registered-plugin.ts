import { Client, type ClientReadableStream, connectivityState, credentials, status } from '@grpc/grpc-js';
import {
  DRAResourceHealthDefinition as HealthV1,
  type NodeWatchResourcesResponse,
} from '../../src/gen/kubelet/dra-health-v1.ts';
import { DRAResourceHealthDefinition as HealthV1alpha1 } from '../../src/gen/kubelet/dra-health-v1alpha1.ts';
import {
  type Claim,
  DRAPluginDefinition as DraPluginV1,
  type NodePrepareResourcesResponse,
  type NodeUnprepareResourcesResponse,
} from '../../src/gen/kubelet/dra-v1.ts';
import { DRAPluginDefinition as DraPluginV1beta1 } from '../../src/gen/kubelet/dra-v1beta1.ts';
import type { PluginInfo } from '../../src/gen/kubelet/pluginregistration-v1.ts';
import { callUnary } from '../../src/lib/grpc-call.ts';
import { toGrpcMethods } from '../../src/lib/grpc-methods.ts';
import { KubeletFault } from './kubelet-fault.ts';

/** How long a call of a driver may take (kubelet 1.37). */
const CALL_TIMEOUT_MS = 45_000;

/** The versions of the DRA service, newest first; the fields that count are the same. */
const DRA_VERSIONS = [
  ['v1.DRAPlugin', toGrpcMethods(DraPluginV1)],
  ['v1beta1.DRAPlugin', toGrpcMethods(DraPluginV1beta1)],
] as const;

const HEALTH_VERSIONS = [
  ['v1.DRAResourceHealth', toGrpcMethods(HealthV1)],
  ['v1alpha1.DRAResourceHealth', toGrpcMethods(HealthV1alpha1)],
] as const;

/** What the kubelet wants to hear of a plugin. */
export interface PluginListener {
  onHealth(report: NodeWatchResourcesResponse): void;
  /** The connection was lost or is back. */
  onConnection(isConnected: boolean): void;
}

/** The versions that a driver offers, of those that the kubelet knows. */
function chooseVersion<T>(known: readonly (readonly [string, T])[], offered: readonly string[]): T | undefined {
  return known.find(([name]) => offered.includes(name))?.[1];
}

/** A driver that has registered: its socket, and the calls the kubelet makes there. */
export class RegisteredPlugin {
  readonly driverName: string;
  readonly #client: Client;
  readonly #dra: (typeof DRA_VERSIONS)[number][1];
  readonly #health: (typeof HEALTH_VERSIONS)[number][1] | undefined;
  readonly #listener: PluginListener;
  readonly #healthRetryMs: number;
  #stream: ClientReadableStream<NodeWatchResourcesResponse> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isConnected = false;
  #isClosed = false;

  /** @throws KubeletFault `RegistrationRefused` when the driver offers no version the kubelet knows. */
  constructor(info: PluginInfo, { listener, healthRetryMs }: { listener: PluginListener; healthRetryMs: number }) {
    const dra = chooseVersion(DRA_VERSIONS, info.supportedVersions);
    if (!dra) {
      const offered = JSON.stringify(info.supportedVersions);
      const known = DRA_VERSIONS.map(([name]) => name).join(', ');
      throw new KubeletFault(
        'RegistrationRefused',
        `none of the versions ${offered} is supported, want one of ${known}`,
      );
    }
    this.driverName = info.name;
    this.#dra = dra;
    this.#health = chooseVersion(HEALTH_VERSIONS, info.supportedVersions);
    this.#listener = listener;
    this.#healthRetryMs = healthRetryMs;
    // Without a pool of its own, a successor on the same path would inherit the back-off of a dead connection.
    this.#client = new Client(`unix://${info.endpoint}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
    this.#watchConnection(connectivityState.IDLE);
    this.#watchHealth();
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** @throws ServiceError of grpc-js */
  prepare(claims: Claim[]): Promise<NodePrepareResourcesResponse> {
    const call = { request: { claims }, timeoutMs: CALL_TIMEOUT_MS };
    return callUnary(this.#client, this.#dra.nodePrepareResources, call);
  }

  /** @throws ServiceError of grpc-js */
  unprepare(claims: Claim[]): Promise<NodeUnprepareResourcesResponse> {
    const call = { request: { claims }, timeoutMs: CALL_TIMEOUT_MS };
    return callUnary(this.#client, this.#dra.nodeUnprepareResources, call);
  }

  /** Hangs up. May be called twice. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#stream?.cancel();
    this.#client.close();
  }

  #watchConnection(last: connectivityState): void {
    const channel = this.#client.getChannel();
    channel.watchConnectivityState(last, Number.POSITIVE_INFINITY, () => {
      if (this.#isClosed) return;
      const state = channel.getConnectivityState(true);
      const isConnected = state === connectivityState.READY;
      if (isConnected !== this.#isConnected) {
        this.#isConnected = isConnected;
        this.#listener.onConnection(isConnected);
      }
      this.#watchConnection(state);
    });
    channel.getConnectivityState(true);
  }

  #watchHealth(): void {
    if (this.#health === undefined || this.#isClosed) return;
    const { path, requestSerialize, responseDeserialize } = this.#health.nodeWatchResources;
    const stream = this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {});
    this.#stream = stream;
    stream.on('data', (report: NodeWatchResourcesResponse) => this.#listener.onHealth(report));
    stream.on('error', () => undefined);
    stream.once('status', ({ code }: { code: status }) => {
      if (this.#isClosed || code === status.UNIMPLEMENTED) return;
      this.#timer = setTimeout(() => this.#watchHealth(), this.#healthRetryMs).unref();
    });
  }
}
