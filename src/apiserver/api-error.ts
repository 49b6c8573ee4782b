import { CodedError } from '../lib/coded-error.ts';
import { shorten } from '../lib/shorten.ts';
import { type ApiErrorCause, type ApiStatus, parseStatus, readStatus } from './api-status.ts';

/** What an ApiError carries beside its message. */
export interface ApiErrorDetails {
  /** HTTP status; undefined when no answer came. */
  readonly status?: number | undefined;
  /** How long the server asks to wait. */
  readonly retryAfterMs?: number | undefined;
  readonly causes?: readonly ApiErrorCause[] | undefined;
  readonly cause?: unknown;
}

/**
 * A request that the API server refused, or that did not reach it. The code is the server's reason (metav1 StatusReason:
 * NotFound, Conflict, Invalid, Expired, Forbidden, ...), `NotServed` where it is not an object that is absent but the whole
 * resource, `Unreachable`, `Timeout` or `MalformedAnswer` when no answer came that can be believed, or `InvalidName` when
 * nothing was sent because no object has such a name.
 */
export class ApiError extends CodedError<string> {
  override readonly name = 'ApiError';
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly causes: readonly ApiErrorCause[];

  constructor(code: string, message: string, details: ApiErrorDetails = {}) {
    super(code, message, { cause: details.cause });
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
    this.causes = details.causes ?? [];
  }

  /** Whether the same request may succeed later without any change to the request or the cluster's configuration. */
  get isTransient(): boolean {
    if (this.status === undefined) return this.code !== 'InvalidName';
    return this.status === 429 || this.status >= 500;
  }
}

/** Whether an error is an answer of the API server with this reason. */
export function hasReason(error: unknown, reason: string): error is ApiError {
  return error instanceof ApiError && error.code === reason;
}

/** Reasons of answers without a readable Status, by HTTP status (as client-go, apimachinery api/errors). */
const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** How much of an answer without a Status is repeated in a message, in characters. */
const ANSWER_EXCERPT_LENGTH = 200;
/** How much of a Status' message is repeated: the refusal of a slice names every field that is wrong. */
const MESSAGE_LENGTH_MAX = 1_000;
/** A server that asks for more patience than this is asked again nevertheless. */
const RETRY_AFTER_SECONDS_MAX = 60;

/** An answer that is not one of success. */
interface RefusedAnswer {
  readonly status: number;
  readonly text: string;
  readonly retryAfter?: string | undefined;
  /** The object that was asked for; undefined where it was not one. */
  readonly name?: string | undefined;
}

/** Whether the server knows the resource and only has no such object: another 404 comes from a proxy, or for a path that is not served. */
function isAboutObject(status: ApiStatus | undefined, name: string | undefined): boolean {
  if (status?.name === undefined) return false;
  return name === undefined || status.name === name;
}

function reasonOf({ status: httpStatus, name }: RefusedAnswer, status: ApiStatus | undefined): string {
  if (httpStatus === 404 && !isAboutObject(status, name)) return 'NotServed';
  return status?.reason ?? REASONS[httpStatus] ?? 'Unknown';
}

function readRetryAfter(seconds: number): number | undefined {
  return seconds > 0 ? Math.min(seconds, RETRY_AFTER_SECONDS_MAX) * 1_000 : undefined;
}

function refusal(action: string, answer: RefusedAnswer, status: ApiStatus | undefined): ApiError {
  const reason = reasonOf(answer, status);
  const message = shorten(status?.message ?? '', MESSAGE_LENGTH_MAX) || excerpt(answer.text);
  return new ApiError(reason, `${action}: the API server answers ${answer.status} ${reason}: ${message}`, {
    status: answer.status,
    retryAfterMs: readRetryAfter(status?.retryAfterSeconds ?? Number(answer.retryAfter ?? Number.NaN)),
    causes: status?.causes,
  });
}

function excerpt(text: string): string {
  return shorten(text.trim(), ANSWER_EXCERPT_LENGTH);
}

/** The error of an answer: `action` is what was tried, such as `Cannot get node "n1"`. */
export function answerError(action: string, answer: RefusedAnswer): ApiError {
  return refusal(action, answer, parseStatus(answer.text));
}

/** The error of an ERROR event within a watch, whose object is a Status. */
export function watchError(action: string, object: unknown): ApiError {
  const status = readStatus(object);
  return refusal(action, { status: status?.code ?? 500, text: 'an ERROR event without a Status' }, status);
}
