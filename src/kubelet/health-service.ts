import type { handleServerStreamingCall } from '@grpc/grpc-js';
import {
  HealthStatus,
  type NodeWatchResourcesRequest,
  type NodeWatchResourcesResponse,
} from '../gen/kubelet/dra-health-v1.ts';

/** The health of one device. */
export interface DeviceHealth {
  readonly poolName: string;
  readonly deviceName: string;
  readonly health: 'Healthy' | 'Unhealthy' | 'Unknown';
  /** Why, for people; empty when there is nothing to say. */
  readonly message: string;
}

/** Where the health of all devices is known. */
export interface HealthSource {
  /** All devices, as of now. */
  read(): readonly DeviceHealth[];
  /** Calls `listener` after every change until the returned function is called. */
  subscribe(listener: () => void): () => void;
}

/** How long the kubelet believes a report; its own default (dra-health/v1 client, 0.37). */
const LEASE_SECONDS = 30;
/** Reports come thrice within a lease, so that one may be late. */
const RESEND_INTERVAL_MS = (LEASE_SECONDS * 1_000) / 3;
/** The kubelet cuts longer messages (dra-health/v1). */
const MESSAGE_LENGTH_MAX = 1_024;

const STATUS_OF = {
  Healthy: HealthStatus.HEALTHY,
  Unhealthy: HealthStatus.UNHEALTHY,
  Unknown: HealthStatus.UNKNOWN,
} as const satisfies Record<DeviceHealth['health'], HealthStatus>;

/** The health service in the form grpc-js takes; v1 and v1alpha1 have the same fields. */
export type HealthService = {
  nodeWatchResources: handleServerStreamingCall<NodeWatchResourcesRequest, NodeWatchResourcesResponse>;
};

/** All devices as the kubelet is told; `nowSeconds` is Unix time. */
function toHealthReport(devices: readonly DeviceHealth[], nowSeconds: number): NodeWatchResourcesResponse {
  return {
    devices: devices.map(({ poolName, deviceName, health, message }) => ({
      device: { poolName, deviceName },
      health: STATUS_OF[health],
      lastUpdatedTime: BigInt(Math.floor(nowSeconds)),
      healthCheckTimeoutSeconds: BigInt(LEASE_SECONDS),
      message: message.slice(0, MESSAGE_LENGTH_MAX),
    })),
  };
}

/**
 * Streams the health of all devices (KEP-4680): at once, after every change, and again within the lease. `stopped` ends the
 * streams, because the kubelet keeps them open for ever.
 */
export function createHealthService(source: HealthSource, stopped: AbortSignal): HealthService {
  return {
    nodeWatchResources(call) {
      const send = () => void call.write(toHealthReport(source.read(), Date.now() / 1_000));
      const unsubscribe = source.subscribe(send);
      const timer = setInterval(send, RESEND_INTERVAL_MS).unref();
      const end = () => call.end();
      stopped.addEventListener('abort', end, { once: true });
      call.on('close', () => {
        unsubscribe();
        clearInterval(timer);
        stopped.removeEventListener('abort', end);
      });
      send();
    },
  };
}
