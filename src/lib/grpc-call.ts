import type { Client } from '@grpc/grpc-js';
import type { GrpcMethod } from './grpc-methods.ts';

/** Calls a unary method and waits for its answer; rejects with grpc-js's ServiceError, also when the deadline passes. */
export async function callUnary<Request, Response>(
  client: Client,
  method: GrpcMethod<Request, Response>,
  { request, timeoutMs }: { readonly request: Request; readonly timeoutMs: number },
): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const options = { deadline: Date.now() + timeoutMs };
  const { path, requestSerialize, responseDeserialize } = method;
  client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, options, (error, response) => {
    if (error !== null) reject(error);
    else if (response !== undefined) resolve(response);
  });
  return promise;
}
