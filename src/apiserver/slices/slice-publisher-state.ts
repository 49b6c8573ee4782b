import { errorText } from '../../lib/log.ts';
import { ApiError } from '../api-error.ts';

/** What stands in the API server. */
export interface PublishedPool {
  readonly sliceCount: number;
  readonly deviceCount: number;
  readonly generation: number;
}

/** Where the publication of a node's devices stands. */
export type SlicePublisherState =
  | { readonly kind: 'stopped' }
  /** Nothing was given to publish yet, or the start is spread over time. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'publishing' }
  | ({ readonly kind: 'published' } & PublishedPool)
  /** Published without what the cluster does not take; each reason names it and the remedy. */
  | ({ readonly kind: 'degraded'; readonly reasons: readonly string[] } & PublishedPool)
  /** Not published; it is tried again and again. `code` is an ApiError's. */
  | { readonly kind: 'failing'; readonly code: string; readonly reason: string };

/** The state after a failure, with the remedy where it is known and what else is known of the cluster. */
export function failingState(error: unknown, clusterText?: string): SlicePublisherState {
  if (!(error instanceof ApiError)) return { kind: 'failing', code: 'Unknown', reason: errorText(error) };
  const known = clusterText === undefined ? '' : `; ${clusterText}`;
  return { kind: 'failing', code: error.code, reason: `${error.message}${remedyOf(error)}${known}` };
}

function remedyOf(error: ApiError): string {
  switch (error.code) {
    case 'NotServed':
      return '; the driver needs Kubernetes 1.34 or later with resource.k8s.io/v1 (feature gate DynamicResourceAllocation)';
    case 'Forbidden':
      // An admission policy says itself what it wants.
      if (error.message.includes('denied request')) return '';
      return "; grant it in the ClusterRole of the driver's service account";
    case 'Unauthorized':
      return '; the token or client certificate is not valid (any more)';
    default:
      return '';
  }
}
