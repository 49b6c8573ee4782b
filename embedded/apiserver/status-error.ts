import { CodedError } from '../../src/lib/coded-error.ts';
import type { StatusCause } from '../../src/resource-api/validate/causes.ts';

/** The object that a request spoke of (metav1 StatusDetails). */
export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

/** metav1 Status of a failure. */
export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: object;
  status: 'Failure';
  message: string;
  reason: StatusReason;
  details?: StatusDetails;
  code: number;
}

/** HTTP codes of the reasons that this server gives (metav1 StatusReason). */
const REASON_CODES = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  Gone: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
} as const;

/** Why a request failed, as a client compares it. */
export type StatusReason = keyof typeof REASON_CODES;

/** The object a failed request was about. */
export interface ObjectName {
  readonly group: string;
  readonly resource: string;
  readonly name: string;
}

/** A request that the API server refuses; `status` is what goes over the wire. */
export class StatusError extends CodedError<StatusReason> {
  override readonly name = 'StatusError';
  readonly status: Status;

  constructor(reason: StatusReason, message: string, details?: StatusDetails) {
    super(reason, message);
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      ...(details ? { details } : {}),
      code: REASON_CODES[reason],
    };
  }
}

/** "pods" or "resourceclaims.resource.k8s.io", as messages name a resource. */
function qualified(object: ObjectName): string {
  return object.group === '' ? object.resource : `${object.resource}.${object.group}`;
}

function detailsOf(object: ObjectName): StatusDetails {
  return {
    name: object.name,
    ...(object.group === '' ? {} : { group: object.group }),
    kind: object.resource,
  };
}

/** 404 for an object that is not there. */
export function notFound(object: ObjectName): StatusError {
  return new StatusError('NotFound', `${qualified(object)} "${object.name}" not found`, detailsOf(object));
}

/** 409 for a name that is taken. */
export function alreadyExists(object: ObjectName): StatusError {
  return new StatusError('AlreadyExists', `${qualified(object)} "${object.name}" already exists`, detailsOf(object));
}

/** 409 for a write that is based on something other than the stored state. */
export function conflict(object: ObjectName, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualified(object)} "${object.name}": ${why}`;
  return new StatusError('Conflict', message, detailsOf(object));
}

/** 422 with one cause per wrong field. */
export function invalid(object: ObjectName & { kind: string }, causes: readonly StatusCause[]): StatusError {
  const texts = causes.map((cause) => `${cause.field}: ${cause.message}`);
  const list = texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
  const kind = object.group === '' ? object.kind : `${object.kind}.${object.group}`;
  return new StatusError('Invalid', `${kind} "${object.name}" is invalid: ${list}`, {
    ...detailsOf(object),
    kind: object.kind,
    causes: [...causes],
  });
}

/** 400 for something that cannot be read. */
export function badRequest(message: string): StatusError {
  return new StatusError('BadRequest', message);
}
