import { CodedError } from '../lib/coded-error.ts';

/** Why a driver cannot hold the node. */
export type DriverHolderErrorCode = 'SecondDriver';

/** Another driver manages the CPUs of this node. */
export class DriverHolderError extends CodedError<DriverHolderErrorCode> {
  override readonly name = 'DriverHolderError';
}
