import { nearestName, suggestName } from '../../lib/nearest-name.ts';
import { type ClaimFacts, sumCpus } from './claims.ts';
import type { Field, Issue, Manifest } from './manifest.ts';
import {
  formatMillis,
  hasPodCpu,
  isOurs,
  MILLIS_PER_CPU,
  type PodClaim,
  type PodContainer,
  readCpu,
  sharesPool,
  sumOfClaims,
  sumOfShared,
  sumOfUses,
} from './pod-containers.ts';
import type { FieldPath } from '../../resource-api/schema/read-object.ts';

/** Where each kind of workload has its pod's spec. */
const POD_SPECS: Readonly<Record<string, FieldPath>> = {
  Pod: ['spec'],
  PodTemplate: ['template', 'spec'],
  Deployment: ['spec', 'template', 'spec'],
  ReplicaSet: ['spec', 'template', 'spec'],
  ReplicationController: ['spec', 'template', 'spec'],
  StatefulSet: ['spec', 'template', 'spec'],
  DaemonSet: ['spec', 'template', 'spec'],
  Job: ['spec', 'template', 'spec'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
};

const ENV_PREFIX = 'DRA_CPUSET';
/** Checks the pods of some manifests against what their claims ask for. */
class PodChecker {
  readonly #facts: ReadonlyMap<string, ClaimFacts>;
  readonly #issues: Issue[];
  /** Pods by the claim they name, to find the second one. */
  readonly #podOfClaim = new Map<string, string>();

  constructor(facts: ReadonlyMap<string, ClaimFacts>, issues: Issue[]) {
    this.#facts = facts;
    this.#issues = issues;
  }

  check(manifest: Manifest): void {
    const path = POD_SPECS[manifest.kind];
    if (!path) return;
    const spec = manifest.root.at(...path);
    const claims = spec.at('resourceClaims').items.map((entry) => this.#readClaim(entry, manifest));
    this.#checkNames(claims);
    const containers = [
      ...spec
        .at('initContainers')
        .items.map((field) => this.#readContainer(field, claims, field.at('restartPolicy').text !== 'Always')),
      ...spec.at('containers').items.map((field) => this.#readContainer(field, claims, false)),
    ];
    for (const claim of claims) this.#checkUse(claim, containers, manifest);
    if (!containers.some(({ uses }) => uses.length > 0) || manifest.settings.nodeAllocatableMapping) return;
    if (hasPodCpu(spec)) this.#checkPodLevel(spec, containers);
    else this.#checkContainerLevel(containers);
  }

  #readClaim(entry: Field, { namespace }: Manifest): PodClaim {
    const name = entry.at('name').text ?? '';
    const [claimName, template] = [entry.at('resourceClaimName').text, entry.at('resourceClaimTemplateName').text];
    const claimKey = claimName === undefined ? undefined : `ResourceClaim ${namespace}/${claimName}`;
    const key = claimKey ?? `ResourceClaimTemplate ${namespace}/${template ?? ''}`;
    const facts = this.#facts.get(key);
    if ((claimName === undefined) === (template === undefined)) {
      const want = 'either resourceClaimName or resourceClaimTemplateName';
      this.#issues.push(entry.issue('error', want, claimName === undefined ? 'name one' : 'remove one'));
    } else if (!facts) {
      const reference = entry.at(claimName === undefined ? 'resourceClaimTemplateName' : 'resourceClaimName');
      const remedy = 'give its file too; the CPUs of this claim are not checked';
      this.#issues.push(reference.issue('note', 'a claim or template of the given files', remedy));
    }
    return { entry, name, facts, claimKey };
  }

  #readContainer(field: Field, claims: readonly PodClaim[], endsEarly: boolean): PodContainer {
    const name = field.at('name').text ?? '';
    for (const variable of field.at('env').items) {
      if (!variable.at('name').text?.startsWith(ENV_PREFIX)) continue;
      const want = `no variable that begins with ${ENV_PREFIX}, which is the driver's way to tell the runtime a container's CPUs`;
      const fate =
        variable.at('name').text === ENV_PREFIX ? 'the driver will replace it' : 'the container will be refused';
      this.#issues.push(variable.at('name').issue('error', want, `remove it, or ${fate}`));
    }
    const uses = field.at('resources', 'claims').items.flatMap((reference) => {
      const claim = claims.find((one) => one.name === reference.at('name').text);
      if (claim) this.#checkRequest(claim, reference.at('request'));
      else this.#reportUnknownClaim(reference.at('name'), claims);
      return claim && isOurs(claim) ? [{ claim, reference, cpus: this.#readUse(claim, reference) }] : [];
    });
    return { field, name, endsEarly, uses };
  }

  /** A container that uses a part of a claim names one of its requests. */
  #checkRequest({ name, facts }: PodClaim, request: Field): void {
    if (!facts || !request.exists || facts.requestNames.includes(request.text ?? '')) return;
    const want = `a request of claim ${name} (${facts.requestNames.join(', ') || 'it has none'})`;
    const hint = suggestName(request.text ?? '', facts.requestNames);
    this.#issues.push(request.issue('error', want, `correct the name, or the container cannot start${hint}`));
  }

  /** The names of a pod's claims are its own, each once. */
  #checkNames(claims: readonly PodClaim[]): void {
    for (const [index, { entry, name }] of claims.entries()) {
      if (claims.findIndex((other) => other.name === name) === index) continue;
      this.#issues.push(entry.at('name').issue('error', 'a name that no other claim of the pod has', 'rename it'));
    }
  }

  #reportUnknownClaim(name: Field, claims: readonly PodClaim[]): void {
    const names = claims.map((claim) => claim.name);
    const meant = nearestName(name.text ?? '', names);
    const remedy =
      meant === undefined ? 'add the claim to resourceClaims' : `correct it${suggestName(name.text ?? '', names)}`;
    this.#issues.push(
      name.issue('error', `a claim of the pod's resourceClaims (${names.join(', ') || 'none'})`, remedy),
    );
  }

  /** The CPUs that a container gets of a claim: all, or those of the request it names. */
  #readUse({ facts }: PodClaim, reference: Field): number | undefined {
    const request = reference.at('request');
    if (!facts || request.text === undefined) return facts && sumCpus(facts);
    return facts.cpusOfRequest.get(request.text) ?? undefined;
  }

  #checkUse(
    claim: PodClaim,
    containers: readonly PodContainer[],
    { kind, namespace, name, root, settings }: Manifest,
  ): void {
    if (!isOurs(claim)) return;
    const users = containers.filter(({ uses }) => uses.some((use) => use.claim === claim));
    const field = claim.entry.at('name');
    if (users.length === 0) {
      const remedy = 'name it in resources.claims of the container that is meant to have the CPUs, or remove it';
      this.#issues.push(
        field.issue('warning', 'a container that uses the claim, whose CPUs are held all the same', remedy),
      );
    }
    if (users.length > 1 && settings.claimSharing === 'none') {
      const second = users[1]?.uses.find((use) => use.claim === claim)?.reference.at('name') ?? field;
      const want = `a claim of its own: ${JSON.stringify(claim.name)} is used by container ${users[0]?.name} too`;
      const remedy = 'a claim serves one container; give each its own, or set claimSharing: pod (--claim-sharing pod)';
      this.#issues.push(second.issue('error', want, remedy));
    }
    if (claim.claimKey !== undefined) this.#checkOtherPods(claim, claim.claimKey, `${kind} ${namespace}/${name}`, root);
  }

  /** A claim that exists by itself serves one pod. */
  #checkOtherPods({ entry }: PodClaim, claimKey: string, pod: string, root: Field): void {
    const field = entry.at('resourceClaimName');
    const other = this.#podOfClaim.get(claimKey);
    this.#podOfClaim.set(claimKey, pod);
    const remedy = 'use a ResourceClaimTemplate (resourceClaimTemplateName), which makes a claim for each pod';
    if (other !== undefined) {
      this.#issues.push(field.issue('error', `a claim that no other pod uses; ${other} does`, remedy));
    }
    const replicas = root.at('spec', 'replicas').value;
    const isOnePod =
      pod.startsWith('Pod ') ||
      replicas === 1 ||
      (replicas === undefined && /^(?:Deployment|StatefulSet|Job|ReplicaSet) /.test(pod));
    if (!isOnePod) this.#issues.push(field.issue('error', 'a claim for each of the pods', remedy));
  }

  /** Option A: the pod's own resources hold the CPUs of all claims and what the other containers ask for. */
  #checkPodLevel(spec: Field, containers: readonly PodContainer[]): void {
    const claimed = sumOfClaims(containers);
    const resources = spec.at('resources');
    for (const container of containers) this.#checkMirror(container, { isRequired: false });
    if (claimed === undefined) return;
    const shared = sumOfShared(containers);
    const need = claimed + shared;
    const parts = `${formatMillis(claimed)} of claims${shared > 0n ? ` and ${formatMillis(shared)} of shared CPUs` : ''}`;
    const [requests, limits] = [readCpu(resources, 'requests'), readCpu(resources, 'limits')];
    for (const [list, value] of [
      ['requests', requests],
      ['limits', limits],
    ] as const) {
      if (value !== undefined && value >= need) continue;
      const want = `${formatMillis(need)} CPUs or more: ${parts}`;
      const remedy = `set requests.cpu and limits.cpu of the pod to ${formatMillis(need)} and what else its containers need`;
      this.#issues.push(resources.at(list, 'cpu').issue('error', want, remedy));
    }
    if (requests !== undefined && limits !== undefined && requests !== limits && requests >= need && limits >= need) {
      const want = `the pod's request, ${formatMillis(requests)}`;
      const remedy = 'make both equal, so that the scheduler counts what the kubelet allows';
      this.#issues.push(resources.at('limits', 'cpu').issue('error', want, remedy));
    }
    const withoutClaim = containers.filter(({ uses, endsEarly }) => uses.length === 0 && !endsEarly);
    if (requests === claimed && withoutClaim.length > 0 && shared === 0n) {
      const names = withoutClaim.map(({ name }) => name).join(', ');
      const want = `more than the ${formatMillis(claimed)} CPUs of the claims`;
      const remedy = `nothing is left for ${names}: add what they need`;
      this.#issues.push(resources.at('requests', 'cpu').issue('warning', want, remedy));
    }
  }

  /** Option B: each container repeats the CPUs of its claims. */
  #checkContainerLevel(containers: readonly PodContainer[]): void {
    for (const container of containers) this.#checkMirror(container, { isRequired: true });
  }

  /** Of shared CPUs besides its claims' a container may ask for as much as it needs, and go without a limit. */
  #checkLeast(
    { field }: PodContainer,
    { cpus, claims, isRequired }: { cpus: number; claims: string; isRequired: boolean },
  ): void {
    const resources = field.at('resources');
    for (const list of ['requests', 'limits'] as const) {
      const value = readCpu(resources, list);
      const mayBeAbsent = list === 'limits' || !isRequired;
      if (value === undefined ? mayBeAbsent : value >= BigInt(cpus) * MILLIS_PER_CPU) continue;
      const want = `${cpus} or more: the CPUs of claim ${claims}, and what it needs of the shared ones`;
      this.#issues.push(resources.at(list, 'cpu').issue('error', want, `set it to "${cpus}" or more`));
    }
  }

  #checkMirror(container: PodContainer, { isRequired }: { readonly isRequired: boolean }): void {
    const { field, uses } = container;
    if (uses.length === 0) return;
    const cpus = sumOfUses(container);
    if (cpus === undefined) return;
    const claims = uses.map(({ claim }) => claim.name).join(' and ');
    if (sharesPool(container)) {
      this.#checkLeast(container, { cpus, claims, isRequired });
      return;
    }
    const resources = field.at('resources');
    const isSet = (['requests', 'limits'] as const).some((list) => resources.at(list, 'cpu').exists);
    if (!isRequired && !isSet) return;
    for (const list of ['requests', 'limits'] as const) {
      if (readCpu(resources, list) === BigInt(cpus) * MILLIS_PER_CPU) continue;
      const remedy = isRequired
        ? `set requests.cpu and limits.cpu to "${cpus}", or give the pod its own resources (spec.resources)`
        : `set both to "${cpus}", or leave both out under the pod's own resources`;
      this.#issues.push(resources.at(list, 'cpu').issue('error', `${cpus}, the CPUs of claim ${claims}`, remedy));
    }
  }
}

/** Checks every pod and workload; issues are appended. */
export function checkPods(
  manifests: readonly Manifest[],
  { facts, issues }: { readonly facts: ReadonlyMap<string, ClaimFacts>; readonly issues: Issue[] },
): void {
  const checker = new PodChecker(facts, issues);
  for (const manifest of manifests) checker.check(manifest);
}
