/** One thing that is wrong with a field (metav1 StatusCause). */
export interface ApiErrorCause {
  readonly field: string;
  readonly message: string;
}

/** What an ApiError carries beside its message. */
export interface ApiErrorDetails {
  /** HTTP status; undefined when no answer came. */
  readonly status?: number | undefined;
  /** How long the server asks to wait. */
  readonly retryAfterMs?: number | undefined;
  readonly causes?: readonly ApiErrorCause[] | undefined;
  readonly cause?: unknown;
}

/** A request that the API server refused, or that did not reach it. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  /**
   * The server's reason (metav1 StatusReason: NotFound, Conflict, Invalid, Expired, Forbidden, ...), `NotServed` where it
   * is not an object that is absent but the whole resource, or `Unreachable`, `Timeout` or `MalformedAnswer` when no answer
   * came that can be read.
   */
  readonly code: string;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly causes: readonly ApiErrorCause[];

  constructor(code: string, message: string, details: ApiErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
    this.causes = details.causes ?? [];
  }

  /** Whether the same request may succeed later without anybody changing anything. */
  get isTransient(): boolean {
    if (this.status === undefined) return true;
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

/** A metav1 Status as far as it is used. */
interface Status {
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly details?: {
    readonly name?: string;
    readonly causes?: readonly Partial<ApiErrorCause>[];
    readonly retryAfterSeconds?: number;
  };
}

/** How much of an answer that is no Status is repeated in a message. */
const ANSWER_EXCERPT_LENGTH = 200;

function parseStatus(text: string): Status | undefined {
  try {
    const value = JSON.parse(text) as { kind?: unknown } | null;
    return value?.kind === 'Status' ? (value as Status) : undefined;
  } catch {
    return undefined;
  }
}

/** The error of an answer: `action` is what was tried, such as `Cannot get node "n1"`. */
export function answerError(
  action: string,
  answer: { readonly status: number; readonly text: string; readonly retryAfter?: string | undefined },
): ApiError {
  const status = parseStatus(answer.text);
  const isNotServed = answer.status === 404 && status?.details?.name === undefined;
  const reason = isNotServed ? 'NotServed' : status?.reason || REASONS[answer.status] || 'Unknown';
  const message = status?.message || answer.text.slice(0, ANSWER_EXCERPT_LENGTH).trim();
  const seconds = status?.details?.retryAfterSeconds ?? Number(answer.retryAfter ?? Number.NaN);
  return new ApiError(reason, `${action}: the API server answers ${answer.status} ${reason}: ${message}`, {
    status: answer.status,
    retryAfterMs: seconds > 0 ? seconds * 1000 : undefined,
    causes: status?.details?.causes?.map(({ field = '', message: why = '' }) => ({ field, message: why })),
  });
}

/** The error of an ERROR event within a watch, whose object is a Status. */
export function watchError(action: string, status: unknown): ApiError {
  const { code = 500 } = (status ?? {}) as Status;
  return answerError(action, { status: code, text: JSON.stringify(status) });
}
