import type { ServerResponse } from 'node:http';
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
