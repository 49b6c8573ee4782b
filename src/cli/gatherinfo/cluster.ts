import type { ApiObject, ApiResource } from '../../apiserver/api-object.ts';
import { NODES, RESOURCE_CLAIMS, RESOURCE_SLICES } from '../../apiserver/api-object.ts';
import { ApiClient } from '../../apiserver/client.ts';
import { loadConnection } from '../../apiserver/connection.ts';
import { readClaimPools } from '../../claims/claim-object.ts';
import { asObject } from '../../lib/json.ts';
import { version } from '../../lib/version.ts';
import type { Attempt } from './find-driver.ts';

/** What the API server is asked for. */
export interface ClusterOptions {
  readonly kubeconfigPath: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
  readonly nodeName: string;
  readonly driverName: string;
}

const DEVICE_CLASSES: ApiResource = {
  group: 'resource.k8s.io',
  version: 'v1',
  plural: 'deviceclasses',
  kind: 'DeviceClass',
};
const PODS: ApiResource = { group: '', version: 'v1', plural: 'pods', kind: 'Pod' };

/** The objects of the cluster that concern the driver on this node. Each kind is asked for by itself, as rights may lack. */
export async function gatherCluster(options: ClusterOptions, attempt: Attempt): Promise<Record<string, unknown>> {
  const { kubeconfigPath, environment, nodeName, driverName } = options;
  const connection = await attempt('API server', () => loadConnection({ kubeconfigPath, environment }));
  if (!connection) return {};
  const client = new ApiClient(connection, { userAgent: `dracpu-gatherinfo/${version}` });
  const list = (resource: ApiResource, isWanted: (object: ApiObject) => boolean, fieldSelector?: string) =>
    attempt(resource.plural, async () => {
      const { items } = await client.list<ApiObject>(
        { resource },
        fieldSelector === undefined ? {} : { fieldSelector },
      );
      return items.filter(isWanted);
    });
  try {
    const [node, resourceSlices, resourceClaims, deviceClasses, pods] = await Promise.all([
      attempt('node', () => client.get({ resource: NODES, name: nodeName })),
      list(RESOURCE_SLICES, (slice) => {
        const { spec } = slice as ApiObject & { spec?: unknown };
        return asObject(spec).driver === driverName && asObject(spec).nodeName === nodeName;
      }),
      list(RESOURCE_CLAIMS, (claim) => readClaimPools(claim, driverName).includes(nodeName)),
      list(DEVICE_CLASSES, (deviceClass) => JSON.stringify(deviceClass).includes(driverName)),
      list(PODS, () => true, `spec.nodeName=${nodeName}`),
    ]);
    return { node, resourceSlices, resourceClaims, deviceClasses, pods };
  } finally {
    connection.close();
  }
}
