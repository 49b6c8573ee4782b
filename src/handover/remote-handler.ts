import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { DRAPluginDefinition } from '../gen/kubelet/dra-v1.ts';
import { callUnary } from '../lib/grpc-call.ts';
import { toGrpcMethods } from '../lib/grpc-methods.ts';
import type { ClaimHandler, ClaimReference, PrepareOutcome, UnprepareOutcome } from '../kubelet/claim-handler.ts';

const METHODS = toGrpcMethods(DRAPluginDefinition);

/** Less than the 45 s that the kubelet waits for an answer (pkg/kubelet/cm/dra/plugin, 1.37). */
const CALL_TIMEOUT_MS = 40_000;
const RETRY_INTERVAL_MS = 20;

/**
 * Hands calls on to another driver's endpoint. A driver that was replaced does so until the kubelet calls it no more,
 * so that no claim falls into the gap. The other one may still be starting: it is dialled until it answers.
 */
export class RemoteClaimHandler implements ClaimHandler {
  readonly #client: Client;

  constructor(endpointSocketPath: string) {
    this.#client = new Client(`unix://${endpointSocketPath}`, credentials.createInsecure(), {
      'grpc.initial_reconnect_backoff_ms': RETRY_INTERVAL_MS,
      'grpc.max_reconnect_backoff_ms': RETRY_INTERVAL_MS * 10,
    });
  }

  async prepare(claims: readonly ClaimReference[]): Promise<PrepareOutcome[]> {
    const answer = await this.#call((timeoutMs) =>
      callUnary(this.#client, METHODS.nodePrepareResources, { request: { claims: [...claims] }, timeoutMs }),
    );
    return Object.entries(answer.claims).map(([uid, { devices, error }]) =>
      error === ''
        ? { uid, devices: devices.map(({ shareId, ...device }) => ({ ...device, ...(shareId ? { shareId } : {}) })) }
        : { uid, error },
    );
  }

  async unprepare(claims: readonly ClaimReference[]): Promise<UnprepareOutcome[]> {
    const answer = await this.#call((timeoutMs) =>
      callUnary(this.#client, METHODS.nodeUnprepareResources, { request: { claims: [...claims] }, timeoutMs }),
    );
    return Object.entries(answer.claims).map(([uid, { error }]) => (error === '' ? { uid } : { uid, error }));
  }

  /** Ends the connection. */
  close(): void {
    this.#client.close();
  }

  /** Tries again while nobody listens; every other failure is the caller's. */
  async #call<T>(call: (timeoutMs: number) => Promise<T>): Promise<T> {
    const deadlineMs = performance.now() + CALL_TIMEOUT_MS;
    for (;;) {
      try {
        return await call(deadlineMs - performance.now());
      } catch (error) {
        const { code } = error as ServiceError;
        if (code !== status.UNAVAILABLE || performance.now() + RETRY_INTERVAL_MS > deadlineMs) throw error;
        await delay(RETRY_INTERVAL_MS);
      }
    }
  }
}
