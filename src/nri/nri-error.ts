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
export class NriError extends Error {
  override readonly name = 'NriError';

  readonly code: NriErrorCode;

  constructor(code: NriErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
