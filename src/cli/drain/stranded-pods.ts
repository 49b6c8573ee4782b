import { readClaimPods, readClaimPools } from '../../claims/claim-object.ts';
import { asList, asObject, type JsonObject } from '../../lib/json.ts';

/** A claim of a pod, with CPUs of one node. */
export interface PodClaim {
  readonly name: string;
  readonly uid: string;
  /** A Linux list; absent where no CPUs are known of it, as before it is prepared. */
  readonly cpus?: string;
}

/** A pod that would be left without a driver. */
export interface StrandedPod {
  readonly node: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly claims: readonly PodClaim[];
}

/** A claim with CPUs of a node that is reserved for no pod. */
export interface IdleClaim extends PodClaim {
  readonly node: string;
  readonly namespace: string;
}

/** What holds CPUs of the driver's. */
export interface Holders {
  /** In order of node, namespace and name. */
  readonly pods: readonly StrandedPod[];
  readonly idleClaims: readonly IdleClaim[];
}

/** What is looked for. */
export interface HolderQuery {
  readonly driverName: string;
  /** The node; all of them when undefined. */
  readonly nodeName: string | undefined;
  /** CPUs by the claim's UID, as the node's own files tell. */
  readonly localCpus: ReadonlyMap<string, string>;
}

/** The CPUs that a claim's status tells (claim-status.ts), one list after the other. */
function cpusOf(claim: JsonObject, { driverName }: HolderQuery): string {
  const lists = asList(asObject(claim['status'])['devices'])
    .map(asObject)
    .filter(({ driver }) => driver === driverName)
    .map(({ data }) => asObject(data)['cpuset']);
  return lists.filter((list) => typeof list === 'string').join(',');
}

/**
 * Finds the pods that hold claims of the driver (resource.k8s.io/v1, status.reservedFor), whether their claims are prepared or still to
 * be.
 */
export function findHolders(claims: readonly unknown[], query: HolderQuery): Holders {
  const pods = new Map<string, StrandedPod & { readonly claims: PodClaim[] }>();
  const idleClaims: IdleClaim[] = [];
  for (const object of claims.map(asObject)) {
    const metadata = asObject(object['metadata']);
    const [namespace, name, uid] = [metadata['namespace'], metadata['name'], metadata['uid']].map(String);
    const cpus = query.localCpus.get(uid ?? '') ?? cpusOf(object, query);
    const claim: PodClaim = { name: name ?? '', uid: uid ?? '', ...(cpus !== '' && { cpus }) };
    const users = readClaimPods(object);
    const nodes = readClaimPools(object, query.driverName);
    for (const node of nodes.filter((one) => query.nodeName === undefined || one === query.nodeName)) {
      if (users.length === 0) idleClaims.push({ node, namespace: namespace ?? '', ...claim });
      for (const user of users) {
        const key = `${node} ${user.uid}`;
        const known = pods.get(key);
        if (known) known.claims.push(claim);
        else pods.set(key, { node, namespace: namespace ?? '', ...user, claims: [claim] });
      }
    }
  }
  const keyOf = ({ node, namespace, name }: { node: string; namespace: string; name: string }) =>
    [node, namespace, name].join('\0');
  const byKey = (a: StrandedPod | IdleClaim, b: StrandedPod | IdleClaim) => (keyOf(a) < keyOf(b) ? -1 : 1);
  return { pods: [...pods.values()].toSorted(byKey), idleClaims: idleClaims.toSorted(byKey) };
}
