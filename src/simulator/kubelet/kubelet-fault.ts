/** Why the kubelet cannot do its part of a pod. */
export type KubeletFaultCode =
  | 'DriverNotRegistered'
  | 'RegistrationRefused'
  | 'ClaimNotReady'
  | 'CallFailed'
  | 'WrongAnswer';

/** The kubelet cannot go on with a pod, in the words its event has. */
export class KubeletFault extends Error {
  override readonly name = 'KubeletFault';

  readonly code: KubeletFaultCode;

  constructor(code: KubeletFaultCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
