import { CodedError } from '../lib/coded-error.ts';

/** What keeps a plugin from doing what it was asked. */
export type NriErrorCode =
  | 'BadIdentity'
  | 'NotConnected'
  | 'InsideHook'
  | 'HookOverdue'
  | 'SynchronizeTooLarge'
  | 'RegistrationTimeout'
  | 'ConnectionLost';

/** A plugin cannot do what it was asked; the message says why and what helps. */
export class NriError extends CodedError<NriErrorCode> {
  override readonly name = 'NriError';
}
