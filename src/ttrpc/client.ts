import type { Duplex } from 'node:stream';
import { Request, Response } from '../gen/ttrpc.ts';
import { errorText } from '../lib/log.ts';
import { FRAME_TYPES, type Frame, type OversizedFrame, PAYLOAD_BYTES_MAX } from './frame.ts';
import { FrameStream } from './frame-stream.ts';
import type { Metadata, MethodDefinition, RequestOf, ResponseOf, ServiceDefinition } from './service.ts';
import { statusName, TtrpcError } from './status.ts';

/** Stream ids are 32 bits and only grow; a connection that has used all of them is closed. */
const STREAM_ID_MAX = 0xffff_ffff;

/** What may be said about one call. */
export interface CallOptions {
  /** Milliseconds until the call fails with `DeadlineExceeded`; the server is told, too. Without it the call waits for ever. */
  readonly timeoutMs?: number;
  readonly metadata?: Metadata;
  /** Ends the waiting with `Canceled`. The protocol cannot tell the server. */
  readonly signal?: AbortSignal;
}

/** The methods of a service as functions. */
export type ServiceClient<Service extends ServiceDefinition> = {
  readonly [Name in keyof Service['methods']]: (
    request: RequestOf<Service['methods'][Name]>,
    options?: CallOptions,
  ) => Promise<ResponseOf<Service['methods'][Name]>>;
};

interface PendingCall {
  succeed(payload: Uint8Array): void;
  fail(error: TtrpcError): void;
}

function encodeMetadata(metadata: Metadata | undefined): { key: string; value: string }[] {
  return [...(metadata ?? [])].flatMap(([key, values]) => values.map((value) => ({ key, value })));
}

/**
 * The client end of a ttrpc connection: unary calls, any number at a time, over a Duplex that it owns from now on.
 * Protocol: ttrpc 1.2 (PROTOCOL.md).
 */
export class TtrpcClient {
  readonly #frames: FrameStream;
  readonly #pending = new Map<number, PendingCall>();
  readonly #onClosed: ((cause: Error | undefined) => void) | undefined;
  #nextStreamId = 1;

  /** `onClosed` is called once, after the calls that were open have failed. */
  constructor(stream: Duplex, onClosed?: (cause: Error | undefined) => void) {
    this.#onClosed = onClosed;
    this.#frames = new FrameStream(stream, {
      onFrame: (frame) => this.#receive(frame),
      onOversized: (frame) => this.#refuseOversized(frame),
      onClosed: (cause) => this.#failAll(cause),
    });
  }

  /** How many calls wait for their answer. */
  get pendingCalls(): number {
    return this.#pending.size;
  }

  /**
   * Calls one method.
   * @throws TtrpcError with the status of the answer, or with what prevented one.
   */
  async call<Req, Res>(
    service: string,
    method: MethodDefinition<Req, Res>,
    request: Req,
    options: CallOptions = {},
  ): Promise<Res> {
    const what = `${service}/${method.name}`;
    if (options.signal?.aborted) throw canceled(what);
    const frame = this.#requestFrame(service, method, request, options);
    const payload = await this.#exchange(frame, what, options);
    return decodeAnswer(method, payload, what);
  }

  /** Closes the connection; open calls fail with `ConnectionClosed`. May be called again. */
  close(cause?: Error): void {
    this.#frames.close(cause);
  }

  #requestFrame<Req, Res>(
    service: string,
    method: MethodDefinition<Req, Res>,
    request: Req,
    { timeoutMs, metadata }: CallOptions,
  ): Frame {
    const payload = Request.encode({
      service,
      method: method.name,
      payload: method.requestType.encode(request).finish(),
      timeoutNano: timeoutMs === undefined ? 0n : BigInt(Math.round(timeoutMs * 1e6)),
      metadata: encodeMetadata(metadata),
    }).finish();
    if (payload.length > PAYLOAD_BYTES_MAX) {
      throw new TtrpcError(
        'ResourceExhausted',
        `Cannot call ${service}/${method.name}: the request has ${payload.length} bytes, want at most ${PAYLOAD_BYTES_MAX}`,
      );
    }
    const streamId = this.#nextStreamId;
    if (streamId > STREAM_ID_MAX) this.close(new TtrpcError('ResourceExhausted', 'The stream ids are used up'));
    this.#nextStreamId += 2;
    return { streamId, type: FRAME_TYPES.request, flags: 0, payload };
  }

  /** Sends a request and waits for its answer, the timeout, the signal or the end of the connection. */
  #exchange(frame: Frame, what: string, { timeoutMs, signal }: CallOptions): Promise<Uint8Array> {
    if (this.#frames.closed) return Promise.reject(closed(what, undefined));
    return new Promise((resolve, reject) => {
      const abort = () => call.fail(canceled(what));
      const expire = () =>
        call.fail(
          new TtrpcError('DeadlineExceeded', `Cannot wait for ${what} any longer: no answer within ${timeoutMs} ms`),
        );
      const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs);
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        this.#pending.delete(frame.streamId);
      };
      const call: PendingCall = {
        succeed(payload) {
          settle();
          resolve(payload);
        },
        fail(error) {
          settle();
          reject(error);
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#pending.set(frame.streamId, call);
      this.#frames.send(frame);
    });
  }

  /** An answer; one that nobody waits for any more is dropped, as are types of frames that are not known. */
  #receive(frame: Frame): void {
    const call = this.#pending.get(frame.streamId);
    if (!call || frame.type === FRAME_TYPES.request) return;
    if (frame.type === FRAME_TYPES.response) call.succeed(frame.payload);
    else if (frame.type === FRAME_TYPES.data) {
      call.fail(new TtrpcError('Unimplemented', 'Cannot read the answer: it is a stream, want one message'));
    }
  }

  #refuseOversized(frame: OversizedFrame): void {
    this.#pending
      .get(frame.streamId)
      ?.fail(
        new TtrpcError(
          'ResourceExhausted',
          `Cannot read the answer: it has ${frame.oversizedBytes} bytes, want at most ${PAYLOAD_BYTES_MAX}`,
        ),
      );
  }

  #failAll(cause: Error | undefined): void {
    for (const call of this.#pending.values()) call.fail(closed('the call', cause));
    this.#onClosed?.(cause);
  }
}

function canceled(what: string): TtrpcError {
  return new TtrpcError('Canceled', `Cannot wait for ${what} any longer: the caller gave up`);
}

function closed(what: string, cause: Error | undefined): TtrpcError {
  const why = cause === undefined ? 'the connection is closed' : `the connection was lost: ${cause.message}`;
  return new TtrpcError('ConnectionClosed', `Cannot finish ${what}: ${why}`, { cause });
}

function decodeAnswer<Req, Res>(method: MethodDefinition<Req, Res>, payload: Uint8Array, what: string): Res {
  let answer: Response;
  try {
    answer = Response.decode(payload);
    if (answer.status === undefined || answer.status.code === 0) return method.responseType.decode(answer.payload);
  } catch (error) {
    throw new TtrpcError('Internal', `Cannot read the answer of ${what}: ${errorText(error)}`, { cause: error });
  }
  throw new TtrpcError(statusName(answer.status.code), answer.status.message);
}

/**
 * The methods of a service as functions over a connection.
 * @example await createServiceClient(client, RuntimeDefinition).registerPlugin({ pluginName, pluginIdx, nriVersion })
 */
export function createServiceClient<Service extends ServiceDefinition>(
  client: TtrpcClient,
  service: Service,
): ServiceClient<Service> {
  const methods = Object.entries(service.methods).map(([name, method]) => [
    name,
    (request: unknown, options?: CallOptions) => client.call(service.fullName, method, request, options),
  ]);
  return Object.fromEntries(methods) as ServiceClient<Service>;
}
