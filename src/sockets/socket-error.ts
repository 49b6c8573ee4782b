import { CodedError } from '../lib/coded-error.ts';

/** Why the driver cannot listen on a Unix socket. */
export type SocketErrorCode = 'PathTooLong' | 'SocketInUse' | 'CannotListen';

/** A Unix socket of the driver cannot be opened. */
export class SocketError extends CodedError<SocketErrorCode> {
  override readonly name = 'SocketError';
}
