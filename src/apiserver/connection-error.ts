import { CodedError } from '../lib/coded-error.ts';

/** Why the API server cannot be addressed. */
export type ApiConnectionErrorCode =
  /** No kubeconfig was given and the process runs outside a pod. */
  | 'NotInCluster'
  | 'KubeconfigUnreadable'
  | 'KubeconfigInvalid'
  /** The kubeconfig asks for a way to sign in or to connect that is not implemented. */
  | 'KubeconfigUnsupported'
  /** A token, certificate or key that the configuration names cannot be had. */
  | 'CredentialsUnreadable';

/** The configuration of the connection to the API server is missing or wrong; nothing was sent yet. */
export class ApiConnectionError extends CodedError<ApiConnectionErrorCode> {
  override readonly name = 'ApiConnectionError';
}
