import { readMillis } from '../../resource-api/quantity.ts';
import { type ClaimFacts, sumCpus } from './claims.ts';
import type { Field } from './manifest.ts';

/** Thousandths of a CPU, as quantities count them. */
export const MILLIS_PER_CPU = 1_000n;

/** A claim as a pod names it. */
export interface PodClaim {
  readonly entry: Field;
  /** Name within the pod. */
  readonly name: string;
  /** Undefined when the claim is not among the manifests. */
  readonly facts: ClaimFacts | undefined;
  /** Key of a ResourceClaim of its own name, which other pods may name too. */
  readonly claimKey: string | undefined;
}

/** A container with the claims of ours that it uses. */
export interface PodContainer {
  readonly field: Field;
  readonly name: string;
  /** Whether it ends before the others start. */
  readonly endsEarly: boolean;
  /** References to claims of this driver with the CPUs of each, undefined where they cannot be told. */
  readonly uses: readonly { readonly claim: PodClaim; readonly reference: Field; readonly cpus: number | undefined }[];
}

/** CPUs as people write them: "4" or "1500m". */
export function formatMillis(millis: bigint): string {
  return millis % MILLIS_PER_CPU === 0n ? `${millis / MILLIS_PER_CPU}` : `${millis}m`;
}

/** The `cpu` of a resource list; undefined when it is not there or no quantity. */
export function readCpu(resources: Field, list: 'requests' | 'limits'): bigint | undefined {
  return readMillis(resources.at(list, 'cpu').quantity ?? '');
}

/** The CPUs of a container's claims; undefined where they cannot be told. */
export function sumOfUses({ uses }: PodContainer): number | undefined {
  return uses.reduce<number | undefined>(
    (sum, use) => (sum === undefined || use.cpus === undefined ? undefined : sum + use.cpus),
    0,
  );
}

/** Whether a container with claims runs on the shared CPUs besides. */
export function sharesPool({ uses }: PodContainer): boolean {
  return uses.some(({ claim }) => claim.facts?.sharesPool);
}

/** Whether a claim asks this driver for anything; one that is not known is not ours. */
export function isOurs({ facts }: PodClaim): boolean {
  return facts !== undefined && facts.cpusOfRequest.size > 0;
}

/** Whether a pod states its CPUs itself. */
export function hasPodCpu(spec: Field): boolean {
  return spec.at('resources', 'requests', 'cpu').exists || spec.at('resources', 'limits', 'cpu').exists;
}

/** The CPUs of all claims that containers use, each counted once. */
export function sumOfClaims(containers: readonly PodContainer[]): bigint | undefined {
  const claims = new Set(containers.flatMap(({ uses }) => uses.map(({ claim }) => claim)));
  let sum = 0;
  for (const { facts } of claims) {
    const cpus = facts && sumCpus(facts);
    if (cpus === undefined) return undefined;
    sum += cpus;
  }
  return BigInt(sum) * MILLIS_PER_CPU;
}

/** What a container asks for of the shared CPUs: all of its request, or what goes beyond its claims where those allow that. */
function askOfShared(container: PodContainer): bigint {
  const request = readCpu(container.field.at('resources'), 'requests') ?? 0n;
  if (container.uses.length === 0) return request;
  const cpus = sharesPool(container) ? sumOfUses(container) : undefined;
  const surplus = cpus === undefined ? 0n : request - BigInt(cpus) * MILLIS_PER_CPU;
  return surplus > 0n ? surplus : 0n;
}

/** What containers ask for of the shared CPUs: together, or as much as the greediest of those that end before the others start. */
export function sumOfShared(containers: readonly PodContainer[]): bigint {
  const asks = containers.map((container) => ({ endsEarly: container.endsEarly, cpu: askOfShared(container) }));
  const together = asks.filter(({ endsEarly }) => !endsEarly).reduce((sum, { cpu }) => sum + cpu, 0n);
  return asks.filter(({ endsEarly }) => endsEarly).reduce((most, { cpu }) => (cpu > most ? cpu : most), together);
}
