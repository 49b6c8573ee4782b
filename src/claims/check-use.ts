import type { CpuSet } from '../cpuset/cpu-set.ts';
import { tryParseCpuList } from '../cpuset/parse.ts';
import { describeClaim } from './claim.ts';
import { ClaimError } from './claim-error.ts';
import { type ClaimUsers, isUser } from './claim-object.ts';
import type { ClaimOwner, ClaimSharing, PreparedClaim } from './prepared-claim.ts';

/** A variable that is in the pod's spec, or one of a claim that was released or prepared again under a container that waits. */
const ENV_REMEDY =
  'remove the variable from the pod; if its spec has none, delete the pod, so that its claim is prepared again';

/** What a message quotes of a CPU list. */
const QUOTED_LENGTH_MAX = 80;
/** A list that is not written as the driver writes it is parsed up to this many times the length of the claim's own. */
const LENGTH_FACTOR = 4;

/** Pods that a message names. */
const PODS_SHOWN_MAX = 3;

/** One use of a claim: by whom, and with which CPUs as the environment has them (undefined where it has none). */
export interface ClaimUse {
  readonly uid: string;
  readonly cpus: string | undefined;
  readonly container: ClaimOwner;
}

/** What a use is checked against. */
interface UseContext {
  readonly claim: PreparedClaim | undefined;
  readonly owner: ClaimOwner | undefined;
  readonly sharing: ClaimSharing;
}

/** "container main of pod shop/db", as messages name an owner. */
function describeOwner(owner: ClaimOwner): string {
  return `container ${owner.containerName} of pod ${owner.podNamespace}/${owner.podName}`;
}

function quote(list: string): string {
  return list.length <= QUOTED_LENGTH_MAX ? list : `${list.slice(0, QUOTED_LENGTH_MAX)}... (${list.length} bytes)`;
}

/** Compares texts first, and parses only what can be the same set. */
function isSameSet(text: string, cpus: CpuSet): boolean {
  const own = cpus.toString();
  if (text === own) return true;
  if (text.length > (own.length + 1) * LENGTH_FACTOR) return false;
  return tryParseCpuList(text)?.equals(cpus) ?? false;
}

function mayFollow(owner: ClaimOwner, container: ClaimOwner, sharing: ClaimSharing): boolean {
  return owner.podUid === container.podUid && (sharing === 'pod' || owner.containerName === container.containerName);
}

/** Whether the container's pod is one that the claim is for. @throws ClaimError `ClaimMismatch` or `NotReserved`. */
function checkPod(
  claim: PreparedClaim,
  users: ClaimUsers,
  { action, given, container }: { readonly action: string; readonly given: string; readonly container: ClaimOwner },
): void {
  if (claim.namespace !== container.podNamespace) {
    throw new ClaimError(
      'ClaimMismatch',
      `${action}: ${given} of claim ${describeClaim(claim)}, which is for pods of namespace ${claim.namespace} only; ${ENV_REMEDY}`,
    );
  }
  if (isUser(users, claim.namespace, container)) return;
  const names = users.pods.slice(0, PODS_SHOWN_MAX).map(({ name }) => name);
  const more = users.pods.length - names.length;
  throw new ClaimError(
    'NotReserved',
    `${action}: ${given} of claim ${describeClaim(claim)}, which is reserved for ${users.pods.length === 1 ? 'pod' : 'pods'} ` +
      `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}; ${ENV_REMEDY}`,
  );
}

/**
 * Checks that a container may use a claim: the claim is prepared here, for the container's pod, with just these CPUs, and no other
 * container has it.
 * @returns the claim.
 * @throws ClaimError `UnknownClaim`, `NotConfirmed`, `NotReserved`, `ClaimMismatch` or `ClaimInUse`.
 */
export function checkUse({ uid, cpus, container }: ClaimUse, { claim, owner, sharing }: UseContext): PreparedClaim {
  const action = `Cannot admit ${describeOwner(container)}`;
  const given = cpus === undefined ? 'it has the CDI device' : `its environment gives it CPUs ${quote(cpus)}`;
  if (!claim) {
    throw new ClaimError(
      'UnknownClaim',
      `${action}: ${given} of claim UID ${uid}, which is not prepared on this node; ${ENV_REMEDY}`,
    );
  }
  const name = describeClaim(claim);
  if (!claim.users) {
    throw new ClaimError(
      'NotConfirmed',
      `${action}: ${given} of claim ${name}, which another driver prepared and the API server has not confirmed yet; the kubelet tries again`,
    );
  }
  checkPod(claim, claim.users, { action, given, container });
  if (cpus !== undefined && !isSameSet(cpus, claim.cpus)) {
    throw new ClaimError(
      'ClaimMismatch',
      `${action}: ${given} of claim ${name}, which holds CPUs ${claim.cpus}; ${ENV_REMEDY}`,
    );
  }
  if (owner && !mayFollow(owner, container, sharing)) {
    const rule = sharing === 'pod' ? 'the containers of one pod may share a claim' : 'a claim serves one container';
    throw new ClaimError(
      'ClaimInUse',
      `${action}: claim ${name} is used by ${describeOwner(owner)}; ${rule}, give each ` +
        `${sharing === 'pod' ? 'pod' : 'container'} a claim of its own (a ResourceClaimTemplate does)`,
    );
  }
  return claim;
}
