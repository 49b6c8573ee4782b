/** How a message is put on the wire: what ts-proto generates for each message. */
interface MessageCodec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** A method as ts-proto's `generic-definitions` describe it. */
interface GeneratedMethod<Request, Response> {
  readonly name: string;
  readonly requestType: MessageCodec<Request>;
  readonly requestStream: boolean;
  readonly responseType: MessageCodec<Response>;
  readonly responseStream: boolean;
}

/** A service as ts-proto's `generic-definitions` describe it. */
interface GeneratedService {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, GeneratedMethod<unknown, unknown>>>;
}

type RequestOf<Method> = Method extends { requestType: MessageCodec<infer Request> } ? Request : never;
type ResponseOf<Method> = Method extends { responseType: MessageCodec<infer Response> } ? Response : never;

/** A method in the form that @grpc/grpc-js takes, on either side. */
export interface GrpcMethod<Request, Response> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (message: Request) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Request;
  readonly responseSerialize: (message: Response) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** The methods of a service by their names in TypeScript. */
export type GrpcMethods<Service extends GeneratedService> = {
  readonly [Name in keyof Service['methods']]: GrpcMethod<
    RequestOf<Service['methods'][Name]>,
    ResponseOf<Service['methods'][Name]>
  >;
};

function serializer<T>(codec: MessageCodec<T>): (message: T) => Buffer {
  return (message) => {
    const bytes = codec.encode(message).finish();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

function toGrpcMethod<Request, Response>(
  service: string,
  method: GeneratedMethod<Request, Response>,
): GrpcMethod<Request, Response> {
  return {
    path: `/${service}/${method.name}`,
    requestStream: method.requestStream,
    responseStream: method.responseStream,
    requestSerialize: serializer(method.requestType),
    requestDeserialize: (bytes) => method.requestType.decode(bytes),
    responseSerialize: serializer(method.responseType),
    responseDeserialize: (bytes) => method.responseType.decode(bytes),
  };
}

/**
 * Turns a generated service definition into what @grpc/grpc-js serves and calls.
 * @example server.addService(toGrpcMethods(DRAPluginDefinition), { nodePrepareResources, nodeUnprepareResources })
 */
export function toGrpcMethods<Service extends GeneratedService>(service: Service): GrpcMethods<Service> {
  const methods = Object.entries(service.methods).map(([name, method]) => [
    name,
    toGrpcMethod(service.fullName, method),
  ]);
  return Object.fromEntries(methods) as GrpcMethods<Service>;
}
