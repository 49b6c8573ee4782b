import type { IncomingMessage } from 'node:http';
import { errorText } from '../lib/log.ts';
import { answerError, ApiError } from './api-error.ts';
import { ByteBudget } from './byte-budget.ts';
import { malformedAnswer } from './check-object.ts';
import type { ApiConnection } from './connection.ts';
import { Deadline } from './deadline.ts';
import { sendRequest } from './http-exchange.ts';
import { readAnswer } from './read-answer.ts';
import { readLines } from './read-lines.ts';

/** A request and what it is for. */
export interface Call {
  /** What is tried, for messages: `Cannot get nodes "n1"`. */
  readonly action: string;
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly contentType?: string;
  readonly body?: unknown;
  /** The object that is asked for, where it is one. */
  readonly name?: string;
  /** How long the answer may be; as long as an object by default. */
  readonly bytesMax?: number;
}

/** When a call ends at the latest. */
export interface CallLimits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A document, and how long its text was in characters. */
export interface Frame {
  readonly value: unknown;
  readonly length: number;
}

/** No object of Kubernetes takes more than 1.5 MiB in etcd, which is less than twice as much in JSON. */
const OBJECT_BYTES_MAX = 4 * 1024 * 1024;
/** All answers that are read at the same time, streams excepted, of which each has one line. */
const ANSWERS_BYTES_MAX = 32 * 1024 * 1024;
/** Once a line of a stream has begun, the rest must follow within this time. */
const LINE_TIMEOUT_MS = 30_000;

function parseJson(action: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const message = `${action}: the API server's answer is not JSON: ${errorText(error)}`;
    throw new ApiError('MalformedAnswer', message, { cause: error });
  }
}

/** Finds a proxy's page in place of an answer. */
function checkContentType(action: string, { headers }: IncomingMessage): void {
  const type = headers['content-type'] ?? 'application/json';
  if (/^application\/json\b/i.test(type)) return;
  throw malformedAnswer(action, 'its content type', { value: type, want: '"application/json"' });
}

/**
 * Sends requests to an API server and reads JSON. Whatever the server sends, and however slowly, a call ends in time and takes a
 * bounded amount of memory; what is not read to its end is cut off.
 */
export class ApiTransport {
  readonly #connection: ApiConnection;
  readonly #userAgent: string;
  readonly #budget = new ByteBudget(ANSWERS_BYTES_MAX);

  constructor(connection: ApiConnection, userAgent: string) {
    this.#connection = connection;
    this.#userAgent = userAgent;
  }

  /** Resolves with the document of a successful answer. @throws ApiError, or the reason of the given signal. */
  async call(call: Call, limits: CallLimits): Promise<Frame> {
    const deadline = new Deadline(call.action, limits);
    let message: IncomingMessage | undefined;
    try {
      message = await this.#open(call, deadline);
      const text = await this.#read(message, call);
      return { value: parseJson(call.action, text), length: text.length };
    } catch (error) {
      message?.destroy();
      throw deadline.explain(error);
    } finally {
      deadline.clear();
    }
  }

  /**
   * The documents of a successful answer that has one on each line, as they arrive.
   * @param onOpen called once the answer has begun.
   * @throws ApiError, or the reason of the given signal.
   */
  async *follow(call: Call, limits: CallLimits, onOpen?: () => void): AsyncGenerator<Frame, void, undefined> {
    const { action } = call;
    const deadline = new Deadline(action, limits);
    const onPartial = (isPartial: boolean) => deadline.limitPart(isPartial ? LINE_TIMEOUT_MS : undefined);
    let message: IncomingMessage | undefined;
    try {
      message = await this.#open(call, deadline);
      onOpen?.();
      const chunks = message as AsyncIterable<Uint8Array>;
      for await (const line of readLines(chunks, { bytesMax: OBJECT_BYTES_MAX, onPartial })) {
        yield { value: parseJson(action, line), length: line.length };
      }
    } catch (error) {
      throw deadline.explain(error);
    } finally {
      message?.destroy();
      deadline.clear();
    }
  }

  /** Sends a call and rejects unless it succeeds. A refused token is read again, once. */
  async #open(call: Call, deadline: Deadline): Promise<IncomingMessage> {
    const first = await this.#send(call, deadline);
    if (first.statusCode !== 401) return this.#succeeded(call, first);
    const isNew = await deadline.race(this.#connection.refresh()).catch(() => false);
    if (!isNew) return this.#succeeded(call, first);
    first.destroy();
    return this.#succeeded(call, await this.#send(call, deadline));
  }

  async #send(call: Call, deadline: Deadline): Promise<IncomingMessage> {
    const { method, body } = call;
    const { signal } = deadline;
    const access = await deadline.race(this.#connection.access());
    signal.throwIfAborted();
    const headers = {
      accept: 'application/json',
      'user-agent': this.#userAgent,
      ...(body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
    };
    const text = body === undefined ? undefined : JSON.stringify(body);
    return sendRequest({ method, url: this.#url(call), headers, body: text, signal }, access);
  }

  /** The answer when it is one of success; rejects with the server's reason otherwise. */
  async #succeeded(call: Call, message: IncomingMessage): Promise<IncomingMessage> {
    const status = message.statusCode ?? 0;
    try {
      if (status >= 200 && status < 300) {
        checkContentType(call.action, message);
        return message;
      }
      const retryAfter = message.headers['retry-after'];
      throw answerError(call.action, { status, text: await this.#read(message, call), retryAfter, name: call.name });
    } catch (error) {
      message.destroy();
      throw error;
    }
  }

  async #read(message: IncomingMessage, { bytesMax = OBJECT_BYTES_MAX }: Call): Promise<string> {
    return readAnswer(message as AsyncIterable<Uint8Array>, { bytesMax, budget: this.#budget });
  }

  #url({ path, query = {} }: Call): URL {
    const url = new URL(this.#connection.server);
    url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
    for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, value);
    return url;
  }
}
