import { asList, asObject } from '../lib/json.ts';

/** A pod that a claim is reserved for. */
export interface ClaimPod {
  readonly name: string;
  readonly uid: string;
}

/** The pods that may use a claim: those its API object is reserved for (resource.k8s.io/v1, status.reservedFor). */
export function readClaimPods(claim: unknown): ClaimPod[] {
  const consumers = asList(asObject(asObject(claim)['status'])['reservedFor']).map(asObject);
  return consumers.flatMap(({ resource, name, uid }) =>
    resource === 'pods' && typeof name === 'string' && typeof uid === 'string' ? [{ name, uid }] : [],
  );
}

/**
 * The pools of which a claim has devices of the driver, each once (resource.k8s.io/v1, status.allocation). They are named as the
 * nodes.
 */
export function readClaimPools(claim: unknown, driverName: string): string[] {
  const allocation = asObject(asObject(asObject(claim)['status'])['allocation']);
  const results = asList(asObject(allocation['devices'])['results']).map(asObject);
  return [...new Set(results.filter(({ driver }) => driver === driverName).map(({ pool }) => String(pool)))];
}
