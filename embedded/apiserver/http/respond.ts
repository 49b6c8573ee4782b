import type { ServerResponse } from 'node:http';
import type { KubeObject } from '../../../src/resource-api/kube-object.ts';
import type { StatusError } from '../status-error.ts';

/** Sends a whole answer of JSON. */
export function sendText(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** Sends a refusal as a Status object. */
export function sendError(response: ServerResponse, error: StatusError): void {
  const { retryAfterSeconds } = error.status.details ?? {};
  if (retryAfterSeconds !== undefined) response.setHeader('retry-after', retryAfterSeconds);
  sendText(response, error.status.code, JSON.stringify(error.status));
}

/** Sends plain text, as the health endpoints do. */
export function sendPlain(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(text);
}

const texts = new WeakMap<KubeObject, string>();
const itemTexts = new WeakMap<KubeObject, string>();

function remembered(cache: WeakMap<KubeObject, string>, object: KubeObject, make: () => string): string {
  const known = cache.get(object);
  if (known !== undefined) return known;
  const text = make();
  cache.set(object, text);
  return text;
}

/** JSON of a stored object; made once, however many watches send it. */
export function objectText(object: KubeObject): string {
  return remembered(texts, object, () => JSON.stringify(object));
}

/** JSON of an object as an item of a list: the real server leaves out apiVersion and kind there. */
export function itemText(object: KubeObject): string {
  return remembered(itemTexts, object, () => {
    const { apiVersion: _version, kind: _kind, ...rest } = object;
    return JSON.stringify(rest);
  });
}
