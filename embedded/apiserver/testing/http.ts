import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import type { ApiServer } from '../api-server.ts';

/** What to send; `body` is sent as JSON unless it is a text. */
export interface Call {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** An answer with its body read as JSON where it is JSON. */
export interface Answer {
  readonly code: number;
  readonly headers: IncomingMessage['headers'];
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into bodies of every shape
  readonly body: any;
}

async function open(server: ApiServer, path: string, call: Call): Promise<IncomingMessage> {
  const { method = 'GET', body, headers = {} } = call;
  const text = body === undefined || typeof body === 'string' ? (body ?? '') : JSON.stringify(body);
  const message: ClientRequest = request(new URL(path, server.url), {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      'content-length': Buffer.byteLength(text),
      ...headers,
    },
    agent: false,
  });
  message.end(text);
  const [response] = (await once(message, 'response')) as [IncomingMessage];
  return response;
}

/** Sends one request and waits for the whole answer. */
export async function call(server: ApiServer, path: string, what: Call = {}): Promise<Answer> {
  const response = await open(server, path, what);
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  const isJson = (response.headers['content-type'] ?? '').includes('json') && text !== '';
  return {
    code: response.statusCode ?? 0,
    headers: response.headers,
    body: isJson ? (JSON.parse(text) as unknown) : text,
  };
}

/** One line of a watch. */
export interface WatchLine {
  readonly type: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into objects of every kind
  readonly object: any;
}

/** A watch whose lines are read one after the other; `undefined` is its end. */
export async function watch(server: ApiServer, path: string, headers: Record<string, string> = {}) {
  const response = await open(server, path, { headers });
  const lines = createInterface({ input: response })[Symbol.asyncIterator]();
  return {
    async next(): Promise<WatchLine | undefined> {
      const line = await lines.next();
      return line.done === true ? undefined : (JSON.parse(line.value) as WatchLine);
    },
    close(): void {
      response.destroy();
    },
  };
}
