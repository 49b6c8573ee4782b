/** Why the container runtime refuses a request. */
export type RuntimeErrorCode =
  | 'NotFound'
  | 'WrongState'
  | 'UnresolvableCdiDevices'
  | 'RefusedByPlugin'
  | 'CannotSetCpus'
  | 'CannotStart';

/** The container runtime refuses a request, in the words a kubelet would be told. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';

  readonly code: RuntimeErrorCode;

  constructor(code: RuntimeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
