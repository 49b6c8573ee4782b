/** An expected failure: `code` says which one it is, and the message is complete for whoever reads it. */
export abstract class CodedError<Code extends string | number> extends Error {
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
