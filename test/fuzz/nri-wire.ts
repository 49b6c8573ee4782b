/**
 * Feeds damaged bytes to everything that reads the NRI wire, for a while:
 *
 *     node test/fuzz/nri-wire.ts [seconds, 10] [seed, random]
 *
 * Valid traffic is cut, flipped, repeated and dropped, then read by the mux, by a plugin's server and by a client. Only
 * typed errors may come out, nothing may hang in memory, and the process must live. Prints the seed to repeat a run.
 */
import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import {
  Container,
  ContainerUpdate,
  CreateContainerRequest,
  Event,
  PluginDefinition,
  PodSandbox,
  StateChangeEvent,
  SynchronizeRequest,
} from '../../src/gen/nri.ts';
import { Request, Response } from '../../src/gen/ttrpc.ts';
import { silentLog } from '../../src/lib/log.ts';
import { HookRunner } from '../../src/nri/hook-runner.ts';
import { cpusetUpdate, newMessage } from '../../src/nri/messages.ts';
import { encodeMuxMessage, MuxDecoder, MuxError } from '../../src/nri/mux.ts';
import { createPluginService } from '../../src/nri/plugin-service.ts';
import { createServiceClient, TtrpcClient } from '../../src/ttrpc/client.ts';
import { encodeFrame, FrameDecoder, FrameError } from '../../src/ttrpc/frame.ts';
import { TtrpcServer } from '../../src/ttrpc/server.ts';
import { TtrpcError } from '../../src/ttrpc/status.ts';

const seconds = Number(process.argv[2] ?? 10);
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 31));

/** Numbers from a seed, so that a failure can be repeated (mulberry32). */
function createRandom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = createRandom(seed);
const below = (limit: number) => Math.floor(random() * limit);

const pod = newMessage(PodSandbox, { id: 'p', name: 'pod', labels: { a: 'b' } });
const container = newMessage(Container, { id: 'c', name: 'main', env: ['A=b', `B=${'x'.repeat(6000)}`] });

function requestFrame(streamId: number, method: string, payload: Uint8Array): Uint8Array {
  const service = PluginDefinition.fullName;
  const request = { service, method, payload, timeoutNano: 2_000_000_000n, metadata: [{ key: 'k', value: 'v' }] };
  return encodeFrame({ streamId, type: 1, flags: 0, payload: Request.encode(request).finish() });
}

/** What a runtime sends. */
const requests = [
  requestFrame(1, 'CreateContainer', CreateContainerRequest.encode({ pod, container }).finish()),
  requestFrame(
    3,
    'Synchronize',
    SynchronizeRequest.encode({ pods: [pod], containers: [container], more: true }).finish(),
  ),
  requestFrame(
    5,
    'Synchronize',
    SynchronizeRequest.encode({ pods: [], containers: [container], more: false }).finish(),
  ),
  requestFrame(7, 'StateChange', StateChangeEvent.encode({ event: Event.START_CONTAINER, pod, container }).finish()),
  requestFrame(9, 'Nothing', new Uint8Array(0)),
];

/** What a plugin answers. */
const answers = [1, 3, 5].map((streamId) => {
  const status = streamId === 3 ? { code: 2, message: 'no', details: [] } : undefined;
  const payload = ContainerUpdate.encode(cpusetUpdate('c', '0-3')).finish();
  return encodeFrame({ streamId, type: 2, flags: 0, payload: Response.encode({ status, payload }).finish() });
});

/** Damages bytes in up to three places. */
function damage(bytes: Uint8Array): Buffer {
  let damaged: Buffer = Buffer.from(bytes);
  for (let wounds = below(4); wounds > 0; wounds -= 1) {
    const at = below(damaged.length);
    const end = at + below(Math.min(64, damaged.length - at) + 1);
    const kinds = [
      () => damaged.writeUInt8(below(256), at),
      () => (damaged = Buffer.concat([damaged.subarray(0, at), damaged.subarray(end)])),
      () => (damaged = Buffer.concat([damaged.subarray(0, end), damaged.subarray(at)])),
      () => (damaged = damaged.subarray(0, end)),
    ];
    if (damaged.length > 0) kinds[below(kinds.length)]?.();
  }
  return damaged;
}

function cut(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + below(random() < 0.5 ? 16 : bytes.length);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

function readAll(decoder: { push(chunk: Uint8Array): Iterable<unknown> }, pieces: Buffer[]): void {
  try {
    for (const piece of pieces) Array.from(decoder.push(piece));
  } catch (error) {
    assert.ok(error instanceof FrameError || error instanceof MuxError, `an untyped error: ${String(error)}`);
  }
}

const turn = () => new Promise((done) => setImmediate(done));

async function fuzzServer(): Promise<void> {
  const [near, far] = duplexPair();
  const routes = createPluginService({
    handlers: { createContainer: () => ({}), synchronize: () => [], startContainer: () => Promise.resolve() },
    hooks: new HookRunner(silentLog, undefined),
    hookTimeoutMs: 1000,
    onConfigured: () => {},
    onSynchronized: () => {},
  });
  const server = new TtrpcServer(far, routes);
  near.on('error', () => {});
  near.resume();
  for (const piece of cut(damage(Buffer.concat(requests)))) if (!near.destroyed) near.write(piece);
  await turn();
  near.destroy();
  server.close();
  await turn();
  assert.equal(server.openCalls, 0);
}

async function fuzzClient(): Promise<void> {
  const [near, far] = duplexPair();
  const client = new TtrpcClient(near);
  const plugin = createServiceClient(client, PluginDefinition);
  const calls = [1, 3, 5].map(() => plugin.createContainer({ pod, container }).catch((error: unknown) => error));
  far.on('error', () => {});
  far.resume();
  for (const piece of cut(damage(Buffer.concat(answers)))) if (!far.destroyed) far.write(piece);
  await turn();
  far.destroy();
  client.close();
  for (const outcome of await Promise.all(calls)) {
    assert.ok(!(outcome instanceof Error) || outcome instanceof TtrpcError, `an untyped error: ${String(outcome)}`);
  }
  assert.equal(client.pendingCalls, 0);
}

process.stdout.write(`seed ${seed}, ${seconds} s\n`);
const muxed = [...requests, ...answers].map((frame, index) => encodeMuxMessage(1 + (index % 2), frame));
const endMs = performance.now() + seconds * 1000;
let rounds = 0;
for (; performance.now() < endMs; rounds += 1) {
  readAll(new MuxDecoder(), cut(damage(Buffer.concat(muxed))));
  readAll(new FrameDecoder(), cut(damage(Buffer.concat(requests))));
  await fuzzServer();
  await fuzzClient();
}
const heapMiB = Math.round(process.memoryUsage().heapUsed / 2 ** 20);
assert.ok(heapMiB < 500, `${heapMiB} MiB are held`);
process.stdout.write(`${rounds} rounds, ${heapMiB} MiB of heap\n`);
