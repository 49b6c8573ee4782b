import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import type { Access } from './connection.ts';

/** A request as it goes over the wire. */
export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
}

function isStaleConnection(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE';
}

async function sendOnce(request: HttpRequest, access: Access): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { method, url, body, signal } = request;
  const headers = {
    ...request.headers,
    ...access.headers,
    ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
  };
  const send = url.protocol === 'http:' ? requestPlain : requestTls;
  const message = send(url, { method, headers, agent: access.agent, signal });
  message.on('response', resolve);
  message.on('error', (error) => reject(Object.assign(error, { wasReused: message.reusedSocket })));
  message.end(body);
  return promise;
}

/**
 * Sends a request and resolves with the head of its answer. The server may close an idle connection in the moment it is
 * used again; a request that may be repeated is then sent once more.
 * @throws the system's error, or the abort reason of the signal.
 */
export async function sendRequest(request: HttpRequest, access: Access): Promise<IncomingMessage> {
  try {
    return await sendOnce(request, access);
  } catch (error) {
    const { wasReused } = error as { wasReused?: boolean };
    const mayRepeat = request.method !== 'POST' && wasReused === true && !request.signal.aborted;
    if (!mayRepeat || !isStaleConnection(error as NodeJS.ErrnoException)) throw error;
    return sendOnce(request, access);
  }
}
