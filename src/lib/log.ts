/** Fields of a log line: plain values, never secrets. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where rooms report events: a fixed message and fields for the rest. */
export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}

/** A log that keeps nothing. */
export const silentLog: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };

/** The text of anything that was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
