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

/** No object of Kubernetes is larger than etcd's 1.5 MiB; lists of a node's objects stay far below this. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** A line of a watch holds one object. */
const LINE_BYTES_MAX = 8 * 1024 * 1024;
const NEWLINE = 0x0a;

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

/**
 * Reads a whole answer as text.
 * @throws RangeError when it is longer than any sensible answer.
 */
export async function readAnswer(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let lengthBytes = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    lengthBytes += chunk.length;
    if (lengthBytes > ANSWER_BYTES_MAX) throw new RangeError(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * The lines of an answer as they arrive, without their ends; what follows the last newline is no line.
 * @throws RangeError when one is longer than any object.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = Buffer.concat([...pending, chunk.subarray(start, end)]).toString('utf8');
      pending = [];
      pendingBytes = 0;
      start = end + 1;
      if (line !== '') yield line;
    }
    pending.push(chunk.subarray(start));
    pendingBytes += chunk.length - start;
    if (pendingBytes > LINE_BYTES_MAX) throw new RangeError(`a line is longer than ${LINE_BYTES_MAX} bytes`);
  }
}
