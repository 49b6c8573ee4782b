import { KubeConfig } from '@kubernetes/client-node';
import type { SliceDevice } from '../../devices/slice-device.ts';
import { type Log, silentLog } from '../../lib/log.ts';
import { ApiServer, type ApiServerOptions } from '../../../embedded/apiserver/api-server.ts';
import { ApiClient } from '../client.ts';
import { ApiConnection } from '../connection.ts';
import { SlicePublisher, type SlicePublisherOptions } from '../slices/slice-publisher.ts';

/** Ends things after a test. */
interface TestContext {
  after(end: () => void | Promise<void>): void;
}

/** A client of an address, without credentials. */
export function newClient(t: TestContext, url: string): ApiClient {
  const settings = { server: new URL(url), skipTlsVerify: false };
  const connection = new ApiConnection(settings, { environment: {} });
  t.after(() => connection.close());
  return new ApiClient(connection, { userAgent: 'dracpu-test' });
}

/** An API server with a Node `n1`, and a client of it. */
export async function newCluster(
  t: TestContext,
  options: ApiServerOptions = {},
): Promise<{ server: ApiServer; client: ApiClient }> {
  const server = await ApiServer.start(options);
  const client = newClient(t, server.url);
  t.after(() => server.stop());
  server.store.create('nodes', { metadata: { name: 'n1' } });
  return { server, client };
}

/** A publisher for Node `n1` that loses no time, ended before the cluster is. */
export function newPublisher(
  t: TestContext,
  options: Partial<SlicePublisherOptions> & Pick<SlicePublisherOptions, 'client'>,
): SlicePublisher {
  const log: Log = silentLog;
  const publisher = new SlicePublisher({
    driverName: 'dra.cpu',
    nodeName: 'n1',
    log,
    startJitterMs: 0,
    retry: { initialMs: 5, maxMs: 50 },
    ...options,
  });
  t.after(() => publisher.stop());
  return publisher;
}

/** A grouped device as the driver publishes it. */
export function groupedDevice(name: string, cpuCount: number, pcieRoots: string[] = []): SliceDevice {
  return {
    name,
    attributes: {
      'dra.cpu/numCPUs': { int: cpuCount },
      'dra.cpu/smtEnabled': { bool: true },
      ...(pcieRoots.length === 0 ? {} : { 'resource.kubernetes.io/pcieRoot': { strings: pcieRoots } }),
    },
    capacity: { 'dra.cpu/cpu': { value: String(cpuCount) } },
    allowMultipleAllocations: true,
  };
}

/** Individual devices as the driver publishes them. */
export function cpuDevices(count: number): SliceDevice[] {
  return Array.from({ length: count }, (_, cpu) => ({
    name: `cpudev${String(cpu).padStart(3, '0')}`,
    attributes: { 'dra.cpu/cpuID': { int: cpu }, 'dra.cpu/coreType': { string: 'standard' } },
  }));
}

/** A configuration of the official client, for an independent view of what was written. */
export function officialConfig(server: ApiServer): KubeConfig {
  const name = 'test';
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name, server: server.url, skipTLSVerify: true }],
    users: [{ name }],
    contexts: [{ name, cluster: name, user: name }],
    currentContext: name,
  });
  return config;
}
