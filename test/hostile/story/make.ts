import { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import { cpusOfNode } from '../peers/machine-files.ts';
import type { Sandbox } from '../peers/runtime-container.ts';
import { claimObject } from './api-objects.ts';
import type { Story } from './story.ts';
import type { ClaimRequest, ClaimTruth, Consumer, PodTruth } from './truth.ts';
import { MACHINE } from './world.ts';

/** The namespaces of stories. */
export const NAMESPACES = ['shop', 'bank'] as const;

/** A pod, of which nothing runs yet. */
export function makePod(story: Story, namespace: string = story.dice.oneOf(NAMESPACES)): PodTruth {
  const uid = story.dice.uuid();
  const pod: PodTruth = {
    uid,
    namespace,
    name: `pod-${story.pods.length}`,
    containers: [],
    sandbox: undefined,
    isGone: false,
  };
  story.pods.push(pod);
  return pod;
}

/** Requests that the node has room for, as the scheduler would grant them; none where the node is full. */
function chooseRequests(story: Story, size?: number): ClaimRequest[] {
  const { dice } = story;
  const count = dice.chance(0.25) ? 2 : 1;
  const requests: ClaimRequest[] = [];
  for (let index = 0; index < count; index += 1) {
    const node = dice.below(MACHINE.nodes);
    const used = requests.filter((other) => other.node === node).reduce((sum, { cpus }) => sum + cpus, 0);
    // One CPU stays for containers without a claim.
    const free = story.freeCpus(node, cpusOfNode(MACHINE, node)) - used - 1;
    const cpus = size ?? dice.between(1, 4);
    if (free >= cpus) requests.push({ request: `cpus${index}`, node, cpus, shareId: dice.uuid() });
  }
  return requests;
}

/** What a claim is made with. */
export interface ClaimWishes {
  readonly consumer?: Consumer;
  readonly pods?: readonly PodTruth[];
  readonly namespace?: string;
  readonly requests?: readonly ClaimRequest[];
  readonly name?: string;
  readonly parameters?: unknown;
}

/** An allocated claim in the API server; undefined where the node has no room for it. */
export function makeClaim(story: Story, wishes: ClaimWishes = {}): ClaimTruth | undefined {
  const { consumer = 'template', pods = [], namespace = pods[0]?.namespace ?? story.dice.oneOf(NAMESPACES) } = wishes;
  const requests = wishes.requests ?? chooseRequests(story);
  if (requests.length === 0) return undefined;
  const claim: ClaimTruth = {
    uid: story.dice.uuid(),
    namespace,
    name: wishes.name ?? `claim-${story.claims.length}`,
    consumer,
    requests,
    pods: [...pods],
    state: 'new',
    cpus: CpuSet.empty,
    cdiDevices: [],
    isInApi: true,
    isForeign: false,
    owner: undefined,
  };
  story.claims.push(claim);
  story.world.api.store.put('resourceclaims', claimObject(claim, wishes.parameters));
  return claim;
}

/** Writes the claim to the API server as it is now. */
export function updateInApi(story: Story, claim: ClaimTruth): void {
  story.world.api.store.put('resourceclaims', claimObject(claim));
}

/** Deletes the claim there. */
export function deleteInApi(story: Story, claim: ClaimTruth): void {
  claim.isInApi = false;
  story.world.api.store.remove('resourceclaims', claim.namespace, claim.name);
}

/** A new sandbox of a pod, told to the runtime. */
export async function startSandbox(story: Story, pod: PodTruth): Promise<Sandbox> {
  const sandbox: Sandbox = { id: story.dice.uuid(), pod: { uid: pod.uid, namespace: pod.namespace, name: pod.name } };
  pod.sandbox = sandbox;
  story.inputs += 1;
  await story.world.runtime.runSandbox(sandbox);
  return sandbox;
}
