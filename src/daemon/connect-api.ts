import { RESOURCE_CLAIMS } from '../apiserver/api-object.ts';
import { ClaimStatusWriter } from '../apiserver/claims/claim-status.ts';
import { ApiClient } from '../apiserver/client.ts';
import { loadConnection } from '../apiserver/connection.ts';
import { EventRecorder } from '../apiserver/events/event-recorder.ts';
import { fetchClaim } from '../apiserver/claims/fetch-claim.ts';
import { fetchNode } from '../apiserver/node.ts';
import { SlicePublisher } from '../apiserver/slices/slice-publisher.ts';
import type { SlicePublisherState } from '../apiserver/slices/slice-publisher-state.ts';
import type { Config } from '../config/config.ts';
import type { ClaimServicePorts } from '../prepare/prepare.ts';
import type { SliceDevice } from '../devices/slice-device.ts';
import type { Log } from '../lib/log.ts';
import { version } from '../lib/version.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { DRIVER_NAME } from './read-machine.ts';
import type { Readiness } from './readiness.ts';

/** How long an API server that is busy or away is asked for a claim that the ledger can answer, in milliseconds. */
const KNOWN_CLAIM_PATIENCE_MS = 1_000;

/** The API server as the daemon needs it. */
export interface ApiSide {
  readonly fetchClaim: ClaimServicePorts['fetchClaim'];
  /** All claims of a namespace. */
  readonly listClaims: (namespace: string) => Promise<readonly unknown[]>;
  /** The Node object of this machine. */
  readonly fetchNode: () => Promise<unknown>;
  /** Keeps the node's ResourceSlices as wanted. */
  readonly slices: {
    setDevices(devices: readonly SliceDevice[]): void;
    start(): void;
    stop(): Promise<void>;
  };
  readonly statuses: ClaimStatusWriter;
  readonly events: EventRecorder;
  /** Closes the connection. */
  readonly close: () => void;
}

/** What the connection is made from and where its state goes. */
export interface ConnectApiOptions {
  readonly config: Config;
  /** The process's environment, which tells a pod where the API server is. */
  readonly environment: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly readiness: Readiness;
  readonly metrics: Pick<Metrics, 'recordReconnect'>;
}

/** Says once what became of publication, and whether it is good enough for pods to be scheduled. */
function createStateListener({
  log,
  readiness,
}: Pick<ConnectApiOptions, 'log' | 'readiness'>): (state: SlicePublisherState) => void {
  return (state) => {
    switch (state.kind) {
      case 'published':
        log.info('slices published', { slices: state.sliceCount, devices: state.deviceCount });
        return readiness.hold('slices-published');
      case 'degraded':
        log.warn('slices published, but not whole', { reasons: state.reasons });
        return readiness.hold('slices-published');
      case 'failing':
        log.error('slices not published', { reason: state.reason });
        return readiness.fail('slices-published', state.reason);
      case 'stopped':
      case 'waiting':
      case 'publishing':
    }
  };
}

/**
 * Prepares everything that talks to the API server; nothing is sent yet, and the server may be away.
 * @throws ApiConnectionError when it is not known where the server is or how to log in.
 */
export async function connectApi(options: ConnectApiOptions): Promise<ApiSide> {
  const { config, environment, log } = options;
  const connection = await loadConnection({ kubeconfigPath: config.kubeconfig, environment });
  const client = new ApiClient(connection, { userAgent: `dracpu/${version}` });
  return {
    fetchClaim: (reference, { isKnown = false } = {}) =>
      fetchClaim(client, reference, isKnown ? { patienceMs: KNOWN_CLAIM_PATIENCE_MS } : {}),
    listClaims: async (namespace) => (await client.list({ resource: RESOURCE_CLAIMS, namespace })).items,
    fetchNode: () => fetchNode(client, config.nodeName),
    slices: new SlicePublisher({
      client,
      driverName: DRIVER_NAME,
      nodeName: config.nodeName,
      log,
      startJitterMs: config.startJitterSeconds * 1_000,
      onStateChange: createStateListener(options),
      onReconnect: () => options.metrics.recordReconnect('apiserver'),
    }),
    statuses: new ClaimStatusWriter({ client, driverName: DRIVER_NAME, log }),
    events: new EventRecorder({ client, driverName: DRIVER_NAME, nodeName: config.nodeName, log }),
    close: () => connection.close(),
  };
}
