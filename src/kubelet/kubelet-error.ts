import { CodedError } from '../lib/coded-error.ts';

/** Why the driver cannot meet the kubelet. */
export type KubeletErrorCode = 'PathTooLong' | 'SocketInUse' | 'CannotListen';

/** The sockets between driver and kubelet cannot be had. */
export class KubeletError extends CodedError<KubeletErrorCode> {
  override readonly name = 'KubeletError';
}
