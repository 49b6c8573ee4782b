import type { Duplex } from 'node:stream';
import { Request, Response } from '../gen/ttrpc.ts';
import { errorText } from '../lib/log.ts';
import { FLAG_REMOTE_OPEN, FRAME_TYPES, type Frame, type OversizedFrame, PAYLOAD_BYTES_MAX } from './frame.ts';
import { FrameStream } from './frame-stream.ts';
import type {
  AnyMethodDefinition,
  Metadata,
  MethodDefinition,
  RequestOf,
  ResponseOf,
  ServiceDefinition,
} from './service.ts';
import { STATUS_CODES, TtrpcError } from './status.ts';

/** Calls of one connection that may be open at a time; more are answered `ResourceExhausted`. */
const OPEN_CALLS_MAX = 4096;

/** Longest time a caller can be believed to wait, in ms: what a timer can hold. Longer is for ever. */
const TIMEOUT_MS_MAX = 0x7fff_ffff;

/** What a method is told beside its message. */
export interface CallContext {
  /** Aborted when the connection closes or the caller's timeout has passed. */
  readonly signal: AbortSignal;
  /** How long the caller said it would wait, in milliseconds; undefined is for ever. */
  readonly timeoutMs: number | undefined;
  readonly metadata: Metadata;
}

/** The methods of a service as functions. A method that is left out is answered `Unimplemented`. */
export type ServiceImplementation<Service extends ServiceDefinition> = {
  readonly [Name in keyof Service['methods']]?: (
    request: RequestOf<Service['methods'][Name]>,
    context: CallContext,
  ) => ResponseOf<Service['methods'][Name]> | Promise<ResponseOf<Service['methods'][Name]>>;
};

/** One method ready to be called with bytes. */
type Method = (payload: Uint8Array, context: CallContext) => Uint8Array | Promise<Uint8Array>;

/** A service's methods by their path on the wire. */
export type ServiceRoutes = ReadonlyMap<string, Method>;

type MethodFunction = (request: unknown, context: CallContext) => unknown;

function bindMethod(definition: AnyMethodDefinition, implementation: MethodFunction): Method {
  const { requestType, responseType } = definition as MethodDefinition<unknown, unknown>;
  const encode = (response: unknown) => responseType.encode(response).finish();
  return (payload, context) => {
    const response = implementation(decodeRequest(requestType, payload, definition.name), context);
    return response instanceof Promise ? response.then(encode) : encode(response);
  };
}

function decodeRequest<T>(codec: { decode(bytes: Uint8Array): T }, payload: Uint8Array, method: string): T {
  try {
    return codec.decode(payload);
  } catch (error) {
    throw new TtrpcError('InvalidArgument', `Cannot read the request of ${method}: ${errorText(error)}`, {
      cause: error,
    });
  }
}

/** Binds functions to a service's methods. Give the result, or several put into one map, to a TtrpcServer. */
export function implementService<Service extends ServiceDefinition>(
  service: Service,
  implementation: ServiceImplementation<Service>,
): ServiceRoutes {
  const routes = new Map<string, Method>();
  for (const [name, definition] of Object.entries(service.methods)) {
    const method = implementation[name] as MethodFunction | undefined;
    if (method) routes.set(`${service.fullName}/${definition.name}`, bindMethod(definition, method));
  }
  return routes;
}

/** A call that is being worked on. */
interface OpenCall {
  readonly abort: AbortController;
  readonly timer: NodeJS.Timeout | undefined;
}

function readTimeoutMs(timeoutNano: bigint): number | undefined {
  if (timeoutNano <= 0n) return undefined;
  const timeoutMs = Number(timeoutNano) / 1e6;
  return timeoutMs > TIMEOUT_MS_MAX ? undefined : timeoutMs;
}

function readMetadata(entries: readonly { key: string; value: string }[]): Metadata {
  const metadata = new Map<string, string[]>();
  for (const { key, value } of entries) metadata.set(key, [...(metadata.get(key) ?? []), value]);
  return metadata;
}

function encodeStatus(error: unknown): Uint8Array {
  const code =
    error instanceof TtrpcError && error.code !== 'ConnectionClosed' ? STATUS_CODES[error.code] : STATUS_CODES.Unknown;
  const status = { code, message: errorText(error), details: [] };
  return Response.encode({ status, payload: new Uint8Array(0) }).finish();
}

/**
 * The server end of a ttrpc connection, over a Duplex that it owns from now on. A request is handed to its method in
 * the tick in which it arrived, so that synchronous methods see requests in order; any number may be open at a time.
 * A method that throws a TtrpcError is answered with its status, any other error with `Unknown` and its message.
 * Protocol: ttrpc 1.2 (PROTOCOL.md), unary calls.
 */
export class TtrpcServer {
  readonly #frames: FrameStream;
  readonly #routes: ServiceRoutes;
  readonly #open = new Map<number, OpenCall>();
  readonly #onClosed: ((cause: Error | undefined) => void) | undefined;
  #lastStreamId = 0;

  /** `onClosed` is called once, after the signals of open calls were aborted. */
  constructor(stream: Duplex, routes: ServiceRoutes, onClosed?: (cause: Error | undefined) => void) {
    this.#routes = routes;
    this.#onClosed = onClosed;
    this.#frames = new FrameStream(stream, {
      onFrame: (frame) => this.#receive(frame),
      onOversized: (frame) => this.#refuseOversized(frame),
      onClosed: (cause) => this.#abortAll(cause),
    });
  }

  /** How many calls are being worked on. */
  get openCalls(): number {
    return this.#open.size;
  }

  /** Closes the connection. May be called again. */
  close(cause?: Error): void {
    this.#frames.close(cause);
  }

  #receive(frame: Frame): void {
    if (frame.type !== FRAME_TYPES.request && frame.type !== FRAME_TYPES.data) return;
    try {
      this.#checkStream(frame);
      this.#start(frame.streamId, Request.decode(frame.payload));
    } catch (error) {
      const refusal =
        error instanceof TtrpcError
          ? error
          : new TtrpcError('InvalidArgument', `Cannot read the request: ${errorText(error)}`, { cause: error });
      this.#respond(frame.streamId, encodeStatus(refusal));
    }
  }

  #checkStream({ streamId, type, flags }: Frame): void {
    const refuse = (why: string) => new TtrpcError('InvalidArgument', `Cannot accept stream ${streamId}: ${why}`);
    if (streamId % 2 !== 1) throw refuse('its id is even, want an odd one from a client');
    if (type === FRAME_TYPES.data) throw refuse('it sends data, want one request; streams are not supported');
    if (streamId <= this.#lastStreamId) throw refuse(`its id is not above the last one, ${this.#lastStreamId}`);
    this.#lastStreamId = streamId;
    if ((flags & FLAG_REMOTE_OPEN) !== 0) {
      throw new TtrpcError('Unimplemented', `Cannot accept stream ${streamId}: streams of data are not supported`);
    }
    if (this.#open.size >= OPEN_CALLS_MAX) {
      throw new TtrpcError('ResourceExhausted', `Cannot accept stream ${streamId}: ${this.#open.size} calls are open`);
    }
  }

  #start(streamId: number, request: Request): void {
    const method = this.#routes.get(`${request.service}/${request.method}`);
    if (!method) {
      throw new TtrpcError(
        'Unimplemented',
        `Cannot call ${request.service}/${request.method}: there is no such method`,
      );
    }
    const timeoutMs = readTimeoutMs(request.timeoutNano);
    const abort = new AbortController();
    const expire = () => this.#expire(streamId, timeoutMs);
    const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs);
    this.#open.set(streamId, { abort, timer });
    const context = { signal: abort.signal, timeoutMs, metadata: readMetadata(request.metadata) };
    this.#run(streamId, () => method(request.payload, context));
  }

  #run(streamId: number, method: () => Uint8Array | Promise<Uint8Array>): void {
    const succeed = (payload: Uint8Array) =>
      this.#finish(streamId, Response.encode({ status: undefined, payload }).finish());
    const fail = (error: unknown) => this.#finish(streamId, encodeStatus(error));
    try {
      const payload = method();
      if (payload instanceof Promise) payload.then(succeed).catch(fail);
      else succeed(payload);
    } catch (error) {
      fail(error);
    }
  }

  #expire(streamId: number, timeoutMs: number | undefined): void {
    const error = new TtrpcError('DeadlineExceeded', `Cannot answer in time: the caller waits only ${timeoutMs} ms`);
    this.#open.get(streamId)?.abort.abort(error);
    this.#finish(streamId, encodeStatus(error));
  }

  /** Answers an open call; what comes after its timeout or after the connection closed is dropped. */
  #finish(streamId: number, answer: Uint8Array): void {
    const call = this.#open.get(streamId);
    if (!call) return;
    this.#open.delete(streamId);
    clearTimeout(call.timer);
    this.#respond(streamId, answer);
  }

  #respond(streamId: number, answer: Uint8Array): void {
    const fits = answer.length <= PAYLOAD_BYTES_MAX;
    const why = `Cannot send the answer: it has ${answer.length} bytes, want at most ${PAYLOAD_BYTES_MAX}`;
    const payload = fits ? answer : encodeStatus(new TtrpcError('ResourceExhausted', why));
    this.#frames.send({ streamId, type: FRAME_TYPES.response, flags: 0, payload });
  }

  #refuseOversized({ streamId, oversizedBytes }: OversizedFrame): void {
    const why = `Cannot read the request: it has ${oversizedBytes} bytes, want at most ${PAYLOAD_BYTES_MAX}`;
    this.#respond(streamId, encodeStatus(new TtrpcError('ResourceExhausted', why)));
  }

  #abortAll(cause: Error | undefined): void {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const call of open) {
      clearTimeout(call.timer);
      call.abort.abort(new TtrpcError('ConnectionClosed', 'Cannot answer: the connection is closed', { cause }));
    }
    this.#onClosed?.(cause);
  }
}
