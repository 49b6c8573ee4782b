import { asList, asObject, type JsonObject } from '../lib/json.ts';

/** One thing that is wrong with a field (metav1 StatusCause). */
export interface ApiErrorCause {
  readonly field: string;
  readonly message: string;
}

/** A metav1 Status as far as it is used; what has another form than it should is left out. */
export interface ApiStatus {
  readonly reason?: string;
  readonly message?: string;
  /** HTTP status. */
  readonly code?: number;
  /** What it is about (metav1 StatusDetails). */
  readonly name?: string;
  readonly plural?: string;
  readonly causes?: readonly ApiErrorCause[];
  readonly retryAfterSeconds?: number;
}

/** Causes beyond these are not read: a slice has 128 devices at most, of which each may be refused for a few reasons. */
const CAUSES_MAX = 1_024;
/** Reasons are CamelCase words (metav1 StatusReason). */
const REASON = /^[A-Za-z]{1,64}$/;

function stringAt(fields: JsonObject, key: string): string | undefined {
  const value = fields[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function numberAt(fields: JsonObject, key: string): number | undefined {
  const value = fields[key];
  return typeof value === 'number' ? value : undefined;
}

/** Leaves out what is undefined. */
function known<T extends object>(fields: { [Key in keyof T]: T[Key] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

function readCauses(details: JsonObject): ApiErrorCause[] | undefined {
  const causes = asList(details['causes']).slice(0, CAUSES_MAX).map(asObject);
  if (causes.length === 0) return undefined;
  return causes.map((cause) => ({ field: stringAt(cause, 'field') ?? '', message: stringAt(cause, 'message') ?? '' }));
}

/** Reads a value as Status; undefined when it is something else. */
export function readStatus(value: unknown): ApiStatus | undefined {
  const fields = asObject(value);
  if (fields['kind'] !== 'Status') return undefined;
  const details = asObject(fields['details']);
  const reason = stringAt(fields, 'reason');
  return known<Required<ApiStatus>>({
    reason: reason !== undefined && REASON.test(reason) ? reason : undefined,
    message: stringAt(fields, 'message'),
    code: numberAt(fields, 'code'),
    name: stringAt(details, 'name'),
    plural: stringAt(details, 'kind'),
    causes: readCauses(details),
    retryAfterSeconds: numberAt(details, 'retryAfterSeconds'),
  });
}

/** Reads an answer's text as Status; undefined when it is something else. */
export function parseStatus(text: string): ApiStatus | undefined {
  try {
    return readStatus(JSON.parse(text));
  } catch {
    return undefined;
  }
}
