import { CodedError } from '../../src/lib/coded-error.ts';

/** Why the kubelet cannot do its part of a pod. */
export type KubeletFaultCode =
  | 'DriverNotRegistered'
  | 'RegistrationRefused'
  | 'ClaimNotReady'
  | 'CallFailed'
  | 'WrongAnswer';

/** The kubelet cannot go on with a pod, in the words its event has. */
export class KubeletFault extends CodedError<KubeletFaultCode> {
  override readonly name = 'KubeletFault';
}
