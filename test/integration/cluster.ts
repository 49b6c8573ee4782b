import { ApiServer } from '../../embedded/apiserver/api-server.ts';
import { writeKubeconfig } from '../../embedded/apiserver/kubeconfig.ts';
import type { ClaimName } from './driver-process.ts';

const NAMESPACE = 'shop';

/** Opaque parameters of a claim as its allocation carries them. */
function configOf(cpuConfig: object): object {
  return { source: 'FromClaim', opaque: { driver: 'dra.cpu', parameters: { apiVersion: 'v1alpha1', cpuConfig } } };
}

/** An API server with one node, and claims that a scheduler would have allocated there. */
export class Cluster {
  readonly nodeName = 'node-a';
  readonly #server: ApiServer;

  private constructor(server: ApiServer) {
    this.#server = server;
  }

  static async start(kubeconfigPath: string): Promise<Cluster> {
    const server = await ApiServer.start();
    const cluster = new Cluster(server);
    server.store.create('namespaces', { metadata: { name: NAMESPACE } });
    server.store.create('nodes', { metadata: { name: cluster.nodeName } });
    await writeKubeconfig(kubeconfigPath, { server: server.url });
    return cluster;
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }

  /** Devices that the driver has published. */
  get devices(): readonly { readonly name: string }[] {
    const { items } = this.#server.store.list('resourceslices');
    return items.flatMap((slice) => (slice as { spec?: { devices?: { name: string }[] } }).spec?.devices ?? []);
  }

  /** A claim of `cpus` CPUs of a device, allocated and reserved for a pod, with opaque parameters where some are given. */
  allocate(
    name: string,
    {
      cpus,
      podUid,
      device,
      cpuConfig,
    }: { cpus: number; podUid: string; device: string; cpuConfig?: object | undefined },
  ): ClaimName {
    const { store } = this.#server;
    const requests = [
      { name: 'cpus', exactly: { deviceClassName: 'dra.cpu', capacity: { requests: { 'dra.cpu/cpu': `${cpus}` } } } },
    ];
    const claim = store.create(
      'resourceclaims',
      { metadata: { name }, spec: { devices: { requests } } },
      { namespace: NAMESPACE },
    );
    const result = {
      request: 'cpus',
      driver: 'dra.cpu',
      pool: this.nodeName,
      device,
      shareID: claim.metadata.uid,
      consumedCapacity: { 'dra.cpu/cpu': `${cpus}` },
    };
    const status = {
      allocation: { devices: { results: [result], config: cpuConfig ? [configOf(cpuConfig)] : [] } },
      reservedFor: [{ resource: 'pods', name: podUid, uid: podUid }],
    };
    store.update('resourceclaims', { ...claim, status }, { namespace: NAMESPACE, subresource: 'status' });
    return { uid: claim.metadata.uid, name, namespace: NAMESPACE };
  }

  /** The claim's pod is gone, and with it the claim. */
  remove({ name }: ClaimName): void {
    const { store } = this.#server;
    const claim = store.get('resourceclaims', name, { namespace: NAMESPACE });
    store.update('resourceclaims', { ...claim, status: {} }, { namespace: NAMESPACE, subresource: 'status' });
    store.delete('resourceclaims', name, { namespace: NAMESPACE });
  }
}
