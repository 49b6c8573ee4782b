import { asList, asObject } from '../lib/json.ts';
import { errorText } from '../lib/log.ts';
import { quote, quoteNames } from '../lib/quote.ts';
import type { ApiClient, CallOptions } from './client.ts';

/** The versions of a group (metav1 APIGroup) in words. */
async function describeGroup(client: ApiClient, group: string, options: CallOptions): Promise<string> {
  try {
    const { versions } = asObject(await client.getDocument(`/apis/${group}`, options));
    const names = asList(versions).map((version) => String(asObject(version)['groupVersion']));
    return names.length === 0 ? `nothing of ${group}` : quoteNames(names);
  } catch {
    return `nothing of ${group}`;
  }
}

/**
 * What the cluster has in place of a version of an API group that it does not serve, in words:
 * `the cluster is Kubernetes v1.33.2 and serves "resource.k8s.io/v1beta1"`. Never rejects.
 */
export async function describeServedVersions(
  client: ApiClient,
  group: string,
  options: CallOptions = {},
): Promise<string> {
  try {
    const { gitVersion } = asObject(await client.getDocument('/version', options));
    const release = typeof gitVersion === 'string' ? quote(gitVersion).slice(1, -1) : 'of unknown version';
    return `the cluster is Kubernetes ${release} and serves ${await describeGroup(client, group, options)}`;
  } catch (error) {
    return `the cluster's version is unknown: ${errorText(error)}`;
  }
}
