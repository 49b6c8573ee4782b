import { Backoff, sleep } from '../../lib/backoff.ts';
import { ApiError, hasReason } from '../api-error.ts';
import { describeAddress, RESOURCE_CLAIMS } from '../api-object.ts';
import type { ApiClient } from '../client.ts';
import { checkClaim } from './check-claim.ts';

/** Which claim, as the kubelet names it. */
export interface ClaimName {
  readonly namespace: string;
  readonly name: string;
}

/**
 * A pod whose Prepare fails waits more than a minute for the next one, so a busy API server is worth some patience; the
 * kubelet gives up on the whole call after 45 s.
 */
const PATIENCE_MS = 10_000;
const RETRY = { initialMs: 100, maxMs: 1_000 };
/** A claim is small: what takes longer than this is asked again. */
const ATTEMPT_TIMEOUT_MS = 5_000;

/**
 * Reads a ResourceClaim, or undefined when there is none of that name. Tries again for ten seconds while the API server is
 * busy, cannot be reached, or answers something else than the claim: only its own "not found" means that there is none.
 * @throws ApiError with the last reason.
 */
export async function fetchClaim(
  client: ApiClient,
  { namespace, name }: ClaimName,
  { patienceMs = PATIENCE_MS, signal }: { readonly patienceMs?: number; readonly signal?: AbortSignal } = {},
): Promise<unknown> {
  const address = { resource: RESOURCE_CLAIMS, namespace, name };
  const action = `Cannot get ${describeAddress(address)}`;
  const call = { timeoutMs: ATTEMPT_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) };
  const endMs = performance.now() + patienceMs;
  const backoff = new Backoff(RETRY);
  for (;;) {
    try {
      return checkClaim(action, await client.get(address, call));
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      const waitMs = Math.max(backoff.nextMs(), error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0);
      const mayRetry = error instanceof ApiError && error.isTransient && performance.now() + waitMs < endMs;
      if (!mayRetry || signal?.aborted === true) throw error;
      await sleep(waitMs, signal);
    }
  }
}
