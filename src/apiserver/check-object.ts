import { asObject, type JsonObject } from '../lib/json.ts';
import { quote } from '../lib/quote.ts';
import { ApiError } from './api-error.ts';
import { type ApiObject, type ApiResource, apiVersionOf, describeAddress } from './api-object.ts';

/** What an object of an answer must be. */
export interface ExpectedObject {
  readonly resource: ApiResource;
  /** Undefined for resources without namespaces, and for objects of all namespaces. */
  readonly namespace?: string;
  /** Undefined where the server chooses it. */
  readonly name?: string;
}

/** A kind and its group and version, as answers carry them. */
interface ExpectedKind {
  readonly kind: string;
  readonly apiVersion: string;
}

/** UIDs are UUIDs today; none is longer than a name. */
const UID_LENGTH_MAX = 253;

/** The error of an answer that came but cannot be believed, for `field` with a value that is not the one that must be there. */
export function malformedAnswer(action: string, field: string, { value, want }: { value: unknown; want: string }) {
  const message = `${action}: the API server's answer cannot be believed: ${field} is ${quote(value)}; want ${want}`;
  return new ApiError('MalformedAnswer', message);
}

/** Items of lists carry neither kind nor version; where they are, they must be right. */
function checkKind(action: string, fields: JsonObject, expected: ExpectedKind): void {
  for (const field of ['kind', 'apiVersion'] as const) {
    const value = fields[field];
    if (value === undefined || value === '' || value === expected[field]) continue;
    throw malformedAnswer(action, field, { value, want: quote(expected[field]) });
  }
}

function checkText(action: string, field: string, value: unknown, expected: string | undefined): void {
  const isText = typeof value === 'string' && value !== '' && value.length <= UID_LENGTH_MAX;
  if (isText && (expected === undefined || value === expected)) return;
  throw malformedAnswer(action, field, { value, want: expected === undefined ? 'a text' : quote(expected) });
}

/**
 * Makes sure that a value is the object that was asked for: its kind and version where it carries them, its name and namespace, and
 * that it has a UID. A proxy, or a server that lost its state, may answer anything with 200.
 * @throws ApiError MalformedAnswer naming what is wrong.
 */
export function checkObject(action: string, value: unknown, expected: ExpectedObject): ApiObject {
  const { resource, namespace, name } = expected;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformedAnswer(action, 'it', { value, want: `an object of kind ${resource.kind}` });
  }
  const fields = asObject(value);
  checkKind(action, fields, { kind: resource.kind, apiVersion: apiVersionOf(resource) });
  const metadata = asObject(fields['metadata']);
  checkText(action, 'metadata.name', metadata['name'], name);
  if (namespace !== undefined) checkText(action, 'metadata.namespace', metadata['namespace'], namespace);
  checkText(action, 'metadata.uid', metadata['uid'], undefined);
  return value as ApiObject;
}

/** A part of a list. */
export interface CheckedPage<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  /** Asks for the next part; undefined after the last. */
  readonly continueToken: string | undefined;
}

/** The server's tokens have some hundred characters; they become part of a URL. */
const TOKEN_LENGTH_MAX = 4_096;

function readToken(action: string, metadata: JsonObject): string | undefined {
  const value = metadata['continue'] ?? '';
  if (typeof value === 'string' && value.length <= TOKEN_LENGTH_MAX) return value === '' ? undefined : value;
  throw malformedAnswer(action, 'metadata.continue', { value, want: `at most ${TOKEN_LENGTH_MAX} characters` });
}

/**
 * Makes sure that a value is a list of the objects that were asked for.
 * @throws ApiError MalformedAnswer naming what is wrong, for one wrong item too.
 */
export function checkList<T extends ApiObject>(
  action: string,
  value: unknown,
  expected: ExpectedObject,
): CheckedPage<T> {
  const { resource, namespace } = expected;
  const fields = asObject(value);
  checkKind(action, fields, { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource) });
  // Go writes a list without items as null.
  const items = fields['items'] === null ? [] : fields['items'];
  if (!Array.isArray(items)) throw malformedAnswer(action, 'items', { value: items, want: 'a list' });
  const metadata = asObject(fields['metadata']);
  const { resourceVersion } = metadata;
  checkText(action, 'metadata.resourceVersion', resourceVersion, undefined);
  const item = { resource, ...(namespace === undefined ? {} : { namespace }) };
  return {
    items: items.map((one) => checkObject(`${action}: item of ${describeAddress(expected)}`, one, item) as T),
    resourceVersion: resourceVersion as string,
    continueToken: readToken(action, metadata),
  };
}
