/** How a message is put on the wire: what ts-proto generates for each message. */
export interface MessageCodec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** A method as ts-proto's `generic-definitions` describe it, as far as it is used here. */
export interface MethodDefinition<Request, Response> {
  readonly name: string;
  readonly requestType: MessageCodec<Request>;
  readonly responseType: MessageCodec<Response>;
}

/** Fits the codec of any message: what it takes is not known here, nor what it gives. */
interface AnyCodec {
  encode(message: never): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
}

/** Fits any method. */
export interface AnyMethodDefinition {
  readonly name: string;
  readonly requestType: AnyCodec;
  readonly responseType: AnyCodec;
}

/** A service as ts-proto's `generic-definitions` describe it. */
export interface ServiceDefinition {
  /** The name on the wire, for instance "nri.pkg.api.v1alpha1.Plugin". */
  readonly fullName: string;
  readonly methods: Readonly<Record<string, AnyMethodDefinition>>;
}

/** The message that a method takes. */
export type RequestOf<Method> = Method extends { requestType: MessageCodec<infer Request> } ? Request : never;

/** The message that a method answers. */
export type ResponseOf<Method> = Method extends { responseType: MessageCodec<infer Response> } ? Response : never;

/** Values that travel beside a message; a name may have several. */
export type Metadata = ReadonlyMap<string, readonly string[]>;
