/**
 * The base of every expected failure: `code` says which one it is, for programs, and the message is complete for its reader.
 */
export abstract class CodedError<Code extends string | number> extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
