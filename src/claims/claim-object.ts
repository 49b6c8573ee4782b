import { asList, asObject, type JsonObject } from '../lib/json.ts';

/** A pod that a claim is reserved for. */
export interface ClaimPod {
  readonly name: string;
  readonly uid: string;
}

/** Whose containers may use a claim. */
export interface ClaimUsers {
  /** These pods. */
  readonly pods: readonly ClaimPod[];
  /**
   * Whether other pods of the claim's namespace may use it, too: it is reserved for something that is not a pod, such as a PodGroup
   * (KEP-5729), whose pods the driver cannot list.
   */
  readonly others: boolean;
}

/** The pods that a claim is reserved for (resource.k8s.io/v1, status.reservedFor). */
export function readClaimPods(claim: unknown): ClaimPod[] {
  return readConsumers(claim).flatMap((consumer) => readPod(consumer) ?? []);
}

/**
 * Whose containers may use a claim: of one that was made from a template its owner's alone, of any other those of the pods that it
 * is reserved for. An object that names no consumer leaves it to the pods of the namespace.
 */
export function readClaimUsers(claim: unknown): ClaimUsers {
  const owner = readOwnerPod(claim);
  if (owner) return { pods: [owner], others: false };
  const consumers = readConsumers(claim);
  const pods = consumers.flatMap((consumer) => readPod(consumer) ?? []);
  return { pods, others: consumers.length === 0 || pods.length < consumers.length };
}

/** The users of a claim that is prepared already: an object that names no consumer, as of a claim whose last pod has ended, changes nothing. */
export function readNewUsers(known: ClaimUsers, claim: unknown): ClaimUsers {
  return readOwnerPod(claim) || readConsumers(claim).length > 0 ? readClaimUsers(claim) : known;
}

/** Whether a pod is among the users of a claim of `namespace`. */
export function isUser(users: ClaimUsers, namespace: string, pod: { podUid: string; podNamespace: string }): boolean {
  return pod.podNamespace === namespace && (users.others || users.pods.some(({ uid }) => uid === pod.podUid));
}

/** Whether two lists of users are the same, in any order. */
export function areSameUsers(one: ClaimUsers | undefined, other: ClaimUsers): boolean {
  if (one?.others !== other.others || one.pods.length !== other.pods.length) return false;
  const uids = new Set(one.pods.map(({ uid }) => uid));
  return other.pods.every(({ uid }) => uids.has(uid));
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

function readConsumers(claim: unknown): JsonObject[] {
  return asList(asObject(asObject(claim)['status'])['reservedFor']).map(asObject);
}

function readPod({ apiGroup = '', resource, name, uid }: JsonObject): ClaimPod | undefined {
  const isPod = apiGroup === '' && resource === 'pods' && typeof name === 'string' && typeof uid === 'string';
  return isPod ? { name, uid } : undefined;
}

/** The pod that a claim from a template was made for: the controller that owns it. */
function readOwnerPod(claim: unknown): ClaimPod | undefined {
  const owners = asList(asObject(asObject(claim)['metadata'])['ownerReferences']).map(asObject);
  const owner = owners.find(
    ({ kind, apiVersion, controller }) => kind === 'Pod' && apiVersion === 'v1' && controller === true,
  );
  return owner && readPod({ ...owner, resource: 'pods' });
}
