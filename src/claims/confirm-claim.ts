import { type ChoiceContext, chooseCpus } from './choose-cpus.ts';
import { type AllocatedDevice, type Claim, type ClaimReference, describeClaim, parseClaim } from './claim.ts';
import { ClaimError } from './claim-error.ts';
import { readClaimUsers } from './claim-object.ts';
import type { Assignment, PreparedClaim } from './prepared-claim.ts';

/** The part of a device that identifies it in an allocation. */
type DeviceIdentity = Pick<AllocatedDevice, 'request' | 'pool' | 'device' | 'shareId'>;

/** The machine that a claim is confirmed on. */
export type ConfirmContext = Pick<ChoiceContext, 'topology' | 'devices' | 'pool'> & { readonly driverName: string };

/** Whether assignments are of the devices that an allocation names now. */
export function isSameAllocation(assignments: readonly Assignment[], devices: readonly DeviceIdentity[]): boolean {
  const key = ({ request, pool, device, shareId }: DeviceIdentity) => [request, pool, device, shareId ?? ''].join(' ');
  const [was, is] = [assignments.map(key).sort(), devices.map(key).sort()];
  return was.length === is.length && was.every((device, index) => device === is[index]);
}

/**
 * Completes a claim that another driver prepared from its API object: which devices its CPUs are of, and whose containers may use
 * it. Of a claim without assignments the allocation must amount to just its CPUs: they are taken as the only free ones, and the
 * choice must come out equal.
 * @throws ClaimError saying why the object does not confirm the CPUs.
 */
export function confirmClaim(
  known: PreparedClaim,
  reference: ClaimReference,
  object: unknown,
  context: ConfirmContext,
): PreparedClaim {
  const claim = parseClaim(object, reference, context.driverName);
  const users = readClaimUsers(object);
  if (known.assignments.length === 0) return { ...chooseExactly(known, claim, context), users };
  if (!isSameAllocation(known.assignments, claim.devices)) {
    throw new ClaimError(
      'ClaimMismatch',
      `Cannot confirm claim ${describeClaim(claim)}: CPUs ${known.cpus} were prepared for another allocation of it`,
    );
  }
  const { podClaimName } = claim;
  return { ...known, ...reference, users, ...(podClaimName !== undefined && { podClaimName }) };
}

function chooseExactly({ cpus }: PreparedClaim, claim: Claim, context: ConfirmContext): PreparedClaim {
  const chosen = chooseCpus(claim, { ...context, free: cpus, describeHolders: () => 'others, as its file has it' });
  if (chosen.cpus.equals(cpus)) return chosen;
  throw new ClaimError(
    'ClaimMismatch',
    `Cannot confirm claim ${describeClaim(claim)}: it was prepared with CPUs ${cpus}, and its allocation is of ${chosen.cpus.size}`,
  );
}
