import { CodedError } from '../lib/coded-error.ts';

/** Where the server listens; no host means every address, IPv4 and IPv6. */
export interface HttpAddress {
  readonly host: string | undefined;
  readonly port: number;
}

/** Why no HTTP server could be started. */
export type HttpServerErrorCode = 'AddressInUse' | 'AddressNotAvailable' | 'PermissionDenied' | 'CannotListen';

/** The HTTP server cannot listen; the message names the flag that helps. */
export class HttpServerError extends CodedError<HttpServerErrorCode> {
  override readonly name = 'HttpServerError';
}

const LISTEN_ERRORS: ReadonlyMap<string, readonly [HttpServerErrorCode, string]> = new Map([
  ['EADDRINUSE', ['AddressInUse', 'another program listens there; choose another port with --bind-address']],
  ['EADDRNOTAVAIL', ['AddressNotAvailable', 'this machine has no such address; correct --bind-address']],
  ['ENOTFOUND', ['AddressNotAvailable', 'the host is not known; correct --bind-address']],
  ['EACCES', ['PermissionDenied', 'the port is for the privileged only; choose one over 1023 with --bind-address']],
]);

/** Why listening failed, with what to do. */
export function toListenError(cause: NodeJS.ErrnoException, { host, port }: HttpAddress): HttpServerError {
  const [code, state] = LISTEN_ERRORS.get(cause.code ?? '') ?? [
    'CannotListen',
    `${cause.message}; correct --bind-address`,
  ];
  const address = JSON.stringify(`${host?.includes(':') ? `[${host}]` : (host ?? '')}:${port}`);
  return new HttpServerError(
    code,
    `Cannot serve HTTP on ${address}: ${state}, or switch HTTP off with --bind-address=""`,
    { cause },
  );
}
