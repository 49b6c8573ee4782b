import { setTimeout as sleep } from 'node:timers/promises';
import type { Creation } from '../peers/runtime.ts';
import { type RuntimeContainer, toldCpus } from '../peers/runtime-container.ts';
import { CpuSet } from '../../../src/cpuset/cpu-set.ts';
import { startSandbox, updateInApi } from './make.ts';
import type { Story } from './story.ts';
import type { ClaimTruth, ContainerTruth, PodTruth } from './truth.ts';

/** How long the kubelet tries again what the driver refused, in milliseconds; derived files are back within 2 s. */
const PATIENCE_MS = 3_000;
const RETRY_MS = 60;

/** The CDI devices that the kubelet passes for claims. */
export function cdiDevicesOf(claims: readonly ClaimTruth[]): string[] {
  return claims.flatMap(({ cdiDevices }) => cdiDevices);
}

/** A container of a pod, of which nothing runs yet. */
export function addContainer(
  pod: PodTruth,
  {
    claims = [],
    env = [],
    name = `c${pod.containers.length}`,
  }: Partial<Pick<ContainerTruth, 'claims' | 'env' | 'name'>> = {},
): ContainerTruth {
  const container: ContainerTruth = { name, claims, env, running: undefined };
  pod.containers.push(container);
  return container;
}

/** Creates and starts a container once, whatever comes of it. */
export async function tryRun(story: Story, pod: PodTruth, container: ContainerTruth): Promise<Creation> {
  const sandbox = pod.sandbox ?? (await startSandbox(story, pod));
  story.inputs += 1;
  const spec = { name: container.name, env: container.env, cdiDevices: cdiDevicesOf(container.claims) };
  const creation = await story.world.runtime.run(sandbox, spec);
  if (creation.kind === 'created') container.running = creation.container;
  const told = creation.kind === 'created' ? ` on CPUs "${creation.container.told}"` : '';
  const why = creation.kind === 'refused' ? `: ${creation.reason.slice(0, 200)}` : '';
  story.note(`run ${pod.namespace}/${pod.name}/${container.name}: ${creation.kind}${told}${why}`);
  return creation;
}

/** Whether the claims of a container must be its own to use: prepared for its pod, and no other container is their owner. */
export function isRightful(pod: PodTruth, { name, claims, env }: ContainerTruth): boolean {
  if (env.some((entry) => entry.startsWith('DRA_CPUSET_'))) return false;
  return claims.every(({ state, owner, pods, consumer, namespace }) => {
    const isOfPod = consumer === 'podgroup' ? namespace === pod.namespace : pods.includes(pod);
    const isFree = owner === undefined || (owner.podUid === pod.uid && owner.containerName === name);
    return state === 'prepared' && isOfPod && isFree;
  });
}

/** Runs a container as the kubelet does, again and again while it is refused, and reports when a rightful one does not get its CPUs. */
export async function runContainer(
  story: Story,
  pod: PodTruth,
  container: ContainerTruth,
): Promise<RuntimeContainer | undefined> {
  const endMs = story.world.clock.nowMs + PATIENCE_MS;
  const isPinned = story.world.runtime.isPinned;
  const isOwn = isRightful(pod, container);
  for (;;) {
    const creation = await tryRun(story, pod, container);
    if (creation.kind === 'created') {
      if (isOwn) takeOwnership(pod, container);
      if (isOwn && isPinned) checkOwnCpus(story, container, creation.container);
      return creation.container;
    }
    if (!isOwn || !story.world.driver.isRunning) return undefined;
    if (story.world.clock.nowMs > endMs) {
      const why = creation.kind === 'refused' ? creation.reason.slice(0, 300) : creation.kind;
      story.report(
        'I5',
        `the rightful container ${pod.namespace}/${pod.name}/${container.name} cannot be created: ${why}`,
      );
      return undefined;
    }
    await sleep(RETRY_MS);
  }
}

/** The container is the first to use its claims. */
function takeOwnership(pod: PodTruth, { name, claims }: ContainerTruth): void {
  for (const claim of claims) claim.owner = { podUid: pod.uid, containerName: name };
}

/** A container with claims runs on their CPUs, and on no others. */
function checkOwnCpus(story: Story, { claims }: ContainerTruth, running: RuntimeContainer): void {
  // The runtime went on without a driver that was late or lost.
  if (claims.length === 0 || running.isUnseen) return;
  const own = CpuSet.unionOf(claims.map(({ cpus }) => cpus));
  if (toldCpus(running).equals(own)) return;
  story.report('I5', `${story.describe(running)} was told CPUs "${running.told}", its claims hold ${own}`);
}

/** A container's process ends, and the kubelet removes the container. */
export async function endContainer(story: Story, container: ContainerTruth): Promise<void> {
  const { running } = container;
  if (!running) return;
  story.inputs += 1;
  container.running = undefined;
  await story.world.runtime.stopContainer(running);
  await story.world.runtime.removeContainer(running);
}

/** A pod's containers and sandbox end; its claims stay prepared. */
export async function endPod(story: Story, pod: PodTruth): Promise<void> {
  story.note(`end pod ${pod.namespace}/${pod.name}`);
  for (const container of pod.containers) await endContainer(story, container);
  if (pod.sandbox) {
    story.inputs += 2;
    await story.world.runtime.stopSandbox(pod.sandbox);
    await story.world.runtime.removeSandbox(pod.sandbox);
  }
  pod.sandbox = undefined;
  pod.isGone = true;
  for (const claim of story.claims) {
    if (claim.owner?.podUid === pod.uid) claim.owner = undefined;
    // A claim that pods share is no longer reserved for one that is gone (kube-controller-manager).
    if (claim.consumer !== 'pods' || !claim.isInApi || claim.pods.every(({ isGone }) => isGone)) continue;
    claim.pods.splice(0, claim.pods.length, ...claim.pods.filter((other) => other !== pod));
    updateInApi(story, claim);
  }
}
