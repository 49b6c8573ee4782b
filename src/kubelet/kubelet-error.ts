/** Why the driver cannot meet the kubelet. */
export type KubeletErrorCode = 'PathTooLong' | 'SocketInUse' | 'CannotListen';

/** The sockets between driver and kubelet cannot be had. */
export class KubeletError extends Error {
  override readonly name = 'KubeletError';

  readonly code: KubeletErrorCode;

  constructor(code: KubeletErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
