import { CodedError } from '../lib/coded-error.ts';

/** The status codes of an answer, by name; the numbers are gRPC's (google.rpc.Code). */
export const STATUS_CODES = {
  Ok: 0,
  Canceled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  AlreadyExists: 6,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const;

/** Why a call failed, as the other end says it. */
export type StatusName = Exclude<keyof typeof STATUS_CODES, 'Ok'>;

const NAMES = new Map<number, string>(Object.entries(STATUS_CODES).map(([name, code]) => [code, name]));

/** The name of a status code other than 0; codes that nobody has defined are `Unknown`. */
export function statusName(code: number): StatusName {
  return (NAMES.get(code) ?? 'Unknown') as StatusName;
}

/**
 * A call failed. `code` is the status of the answer, or of this side: `DeadlineExceeded` when no answer came in time,
 * `Canceled` when the caller gave up, `ResourceExhausted` for a message over the limit, `ConnectionClosed` when the
 * connection was lost before the answer. A service method throws one to choose the status it answers with.
 */
export class TtrpcError extends CodedError<StatusName | 'ConnectionClosed'> {
  override readonly name = 'TtrpcError';
}
