/**
 * ttrpc for Node: gRPC's messages and statuses over a plain byte stream, as container runtimes speak it. A client and a
 * server for unary calls over any Duplex; describe services with ts-proto's `generic-definitions`.
 */
export { type CallOptions, createServiceClient, type ServiceClient, TtrpcClient } from './client.ts';
export { type Frame, FrameDecoder, FrameError, encodeFrame, PAYLOAD_BYTES_MAX } from './frame.ts';
export { type CallContext, implementService, type ServiceImplementation, TtrpcServer } from './server.ts';
export type { MessageCodec, Metadata, MethodDefinition, ServiceDefinition } from './service.ts';
export { type StatusName, TtrpcError } from './status.ts';
