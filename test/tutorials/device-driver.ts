/** A DRA driver of other devices beside the CPU driver, as small as the scheduler and the kubelet allow. */
import type { TestContext } from 'node:test';
import type { LocalCluster } from '../../embedded/cluster/local-cluster.ts';
import { KubeletPlugin } from '../../src/kubelet/kubelet-plugin.ts';
import { silentLog } from '../../src/lib/log.ts';
import { chooseSocketPaths } from '../../src/sockets/socket-paths.ts';

/** The devices of a driver: the NUMA node of each by its name. */
export type DeviceNodes = Readonly<Record<string, number>>;

/** Publishes the devices with a class of the driver's name, and prepares every claim for them. */
export async function startDeviceDriver(
  t: TestContext,
  { node, api }: LocalCluster,
  { name, devices }: { readonly name: string; readonly devices: DeviceNodes },
): Promise<void> {
  const { kubeletRoot, nodeName } = node.ready;
  const paths = chooseSocketPaths({ kubeletRoot, driverName: name });
  const registration = Promise.withResolvers<void>();
  const plugin = new KubeletPlugin({
    driverName: name,
    registrationSocketPath: paths.registration,
    endpointSocketPath: paths.endpoint,
    handler: {
      prepare: (claims) => Promise.resolve(claims.map(({ uid }) => ({ uid, devices: [] }))),
      unprepare: (claims) => Promise.resolve(claims.map(({ uid }) => ({ uid }))),
    },
    onRegistration: () => registration.resolve(),
    log: silentLog,
  });
  await plugin.start();
  t.after(() => plugin.stop());
  await registration.promise;
  await api.create('deviceclasses', {
    metadata: { name },
    spec: { selectors: [{ cel: { expression: `device.driver == "${name}"` } }] },
  });
  await api.create('resourceslices', {
    metadata: { name: `${nodeName}-${name}` },
    spec: {
      driver: name,
      nodeName,
      pool: { name: nodeName, generation: 1, resourceSliceCount: 1 },
      devices: Object.entries(devices).map(([device, numaNode]) => ({
        name: device,
        attributes: { 'resource.kubernetes.io/numaNode': { int: numaNode } },
      })),
    },
  });
}
