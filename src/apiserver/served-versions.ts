import { errorText } from '../lib/log.ts';
import type { ApiClient, CallOptions } from './client.ts';

interface VersionDocument {
  readonly gitVersion?: string;
}

/** metav1 APIGroup. */
interface GroupDocument {
  readonly versions?: readonly { readonly groupVersion: string }[];
}

async function groupVersions(client: ApiClient, group: string, options: CallOptions): Promise<string> {
  try {
    const { versions = [] } = await client.getDocument<GroupDocument>(`/apis/${group}`, options);
    return versions.map(({ groupVersion }) => groupVersion).join(', ');
  } catch {
    return '';
  }
}

/**
 * What the cluster has in place of a version of an API group that it does not serve, in words:
 * `the cluster is Kubernetes v1.33.2 and serves resource.k8s.io/v1beta1`. Never rejects.
 */
export async function describeServedVersions(
  client: ApiClient,
  group: string,
  options: CallOptions = {},
): Promise<string> {
  try {
    const { gitVersion = 'of unknown version' } = await client.getDocument<VersionDocument>('/version', options);
    const served = await groupVersions(client, group, options);
    return `the cluster is Kubernetes ${gitVersion} and serves ${served === '' ? `nothing of ${group}` : served}`;
  } catch (error) {
    return `the cluster's version is unknown: ${errorText(error)}`;
  }
}
