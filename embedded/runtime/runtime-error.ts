import { CodedError } from '../../src/lib/coded-error.ts';

/** Why the container runtime refuses a request. */
export type RuntimeErrorCode =
  | 'NotFound'
  | 'WrongState'
  | 'UnresolvableCdiDevices'
  | 'RefusedByPlugin'
  | 'CannotSetCpus'
  | 'CannotStart';

/** The container runtime refuses a request, in the words a kubelet would be told. */
export class RuntimeError extends CodedError<RuntimeErrorCode> {
  override readonly name = 'RuntimeError';
}
