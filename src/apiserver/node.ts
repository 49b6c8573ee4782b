import { ApiError, hasReason } from './api-error.ts';
import { type ApiObject, NODES } from './api-object.ts';
import type { ApiClient, CallOptions } from './client.ts';

/** A Node as far as the driver reads it (core/v1); quantities are texts such as "8" or "7910m". */
export interface NodeObject extends ApiObject {
  readonly status?: {
    readonly capacity?: Readonly<Record<string, string>>;
    readonly allocatable?: Readonly<Record<string, string>>;
  };
}

/**
 * Reads the driver's Node.
 * @throws ApiError NodeNotFound when there is none of that name, which the kubelet makes before it starts any pod: the name
 *   is wrong.
 */
export async function fetchNode(client: ApiClient, name: string, options: CallOptions = {}): Promise<NodeObject> {
  try {
    return await client.get<NodeObject>({ resource: NODES, name }, options);
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
    throw new ApiError(
      'NodeNotFound',
      `Cannot find Node "${name}": the API server has none of that name; set NODE_NAME (downward API, spec.nodeName) or ` +
        '--hostname-override to a name that "kubectl get nodes" shows',
      { status: error.status, cause: error },
    );
  }
}
