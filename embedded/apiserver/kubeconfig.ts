import { writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';

/** What a kubeconfig says. */
export interface KubeconfigOptions {
  /** URL of the API server. */
  readonly server: string;
  /** Bearer token; the embedded server takes any. */
  readonly token?: string;
  /** Name of cluster, user and context. */
  readonly name?: string;
}

/** Writes a kubeconfig for `kubectl --kubeconfig PATH`, readable by its owner only. */
export async function writeKubeconfig(path: string, options: KubeconfigOptions): Promise<void> {
  const { server, token = 'embedded-node', name = 'embedded' } = options;
  const document = {
    apiVersion: 'v1',
    kind: 'Config',
    // The official JavaScript client talks plain HTTP only when told that this is meant.
    clusters: [{ name, cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
    'current-context': name,
  };
  await writeFile(path, stringify(document), { mode: 0o600 });
}
