import { prepareClaim, unprepareClaim } from '../story/claim-calls.ts';
import { addContainer, endContainer, endPod, isRightful, runContainer } from '../story/container-calls.ts';
import { deleteInApi, makeClaim, makePod, startSandbox, updateInApi } from '../story/make.ts';
import type { Story } from '../story/story.ts';
import type { ContainerTruth, PodTruth } from '../story/truth.ts';
import type { Dice } from '../dice.ts';
import type { Step } from './step.ts';

/** A pod with claims of its own, prepared and running. Undefined where the node is full or Prepare failed. */
export async function startClaimedPod(story: Story, dice: Dice): Promise<PodTruth | undefined> {
  const pod = makePod(story);
  const claims = Array.from({ length: dice.chance(0.2) ? 2 : 1 }, () => makeClaim(story, { pods: [pod] })).filter(
    (claim) => claim !== undefined,
  );
  for (const claim of claims) {
    const answer = await prepareClaim(story, claim, dice.chance(0.3) ? { version: 'v1beta1' } : {});
    if (answer?.ok !== true) return undefined;
  }
  if (claims.length === 0) return undefined;
  await runContainer(story, pod, addContainer(pod, { claims, name: 'main' }));
  if (dice.chance(0.4)) await runContainer(story, pod, addContainer(pod, { name: 'sidecar' }));
  return pod;
}

/** The containers of pods that are there, with their pods. */
export function allContainers(story: Story): { pod: PodTruth; container: ContainerTruth }[] {
  return story.livePods.flatMap((pod) => pod.containers.map((container) => ({ pod, container })));
}

const claimedPod: Step = {
  name: 'a pod with claims of its own',
  weight: 8,
  run: async (story, dice) => void (await startClaimedPod(story, dice)),
};

const sharedPod: Step = {
  name: 'a pod without claims',
  weight: 4,
  run: async (story) => {
    const pod = makePod(story);
    await runContainer(story, pod, addContainer(pod));
  },
};

const idleClaim: Step = {
  name: 'a prepared claim whose container is yet to come',
  weight: 3,
  run: async (story, dice) => {
    const pod = makePod(story);
    const claim = makeClaim(story, { pods: [pod], consumer: dice.chance(0.5) ? 'template' : 'pods' });
    if (claim) await prepareClaim(story, claim);
    if (claim) addContainer(pod, { claims: [claim], name: 'main' });
  },
};

const restart: Step = {
  name: 'a container is restarted',
  weight: 6,
  run: async (story, dice) => {
    const chosen = dice.pick(allContainers(story).filter(({ container }) => container.running));
    if (!chosen) return;
    await endContainer(story, chosen.container);
    await runContainer(story, chosen.pod, chosen.container);
  },
};

const lateStart: Step = {
  name: 'a container comes that was yet to come',
  weight: 5,
  run: async (story, dice) => {
    const waiting = allContainers(story).filter(
      ({ pod, container }) => !container.running && isRightful(pod, container),
    );
    const chosen = dice.pick(waiting);
    if (chosen) await runContainer(story, chosen.pod, chosen.container);
  },
};

const newSandbox: Step = {
  name: 'a pod gets a new sandbox',
  weight: 3,
  run: async (story, dice) => {
    const pod = dice.pick(
      story.livePods.filter(({ sandbox, containers }) => sandbox && containers.some(({ running }) => running)),
    );
    const old = pod?.sandbox;
    if (!pod || !old) return;
    const running = pod.containers.filter((container) => container.running);
    for (const container of running) await endContainer(story, container);
    await story.world.runtime.stopSandbox(old);
    // The old one may be removed before or after the new one runs.
    const isLate = dice.chance(0.5);
    if (!isLate) await story.world.runtime.removeSandbox(old);
    await startSandbox(story, pod);
    for (const container of running) await runContainer(story, pod, container);
    if (isLate) await story.world.runtime.removeSandbox(old);
  },
};

const removal: Step = {
  name: 'a pod ends and its claims with it',
  weight: 4,
  run: async (story, dice) => {
    const pod = dice.pick(story.livePods);
    if (!pod) return;
    await endPod(story, pod);
    for (const claim of story.claims.filter(({ pods, state }) => pods.includes(pod) && state !== 'new')) {
      if (claim.pods.some(({ isGone }) => !isGone)) continue;
      const isDeletedFirst = dice.chance(0.5);
      if (isDeletedFirst) deleteInApi(story, claim);
      await unprepareClaim(story, claim);
      if (!isDeletedFirst) deleteInApi(story, claim);
    }
  },
};

const again: Step = {
  name: 'a claim is prepared again',
  weight: 3,
  run: async (story, dice) => {
    const claim = dice.pick(story.prepared.filter(({ isInApi }) => isInApi));
    if (claim) await prepareClaim(story, claim);
  },
};

const sharedClaim: Step = {
  name: 'a claim that two pods share',
  weight: 3,
  run: async (story, dice) => {
    const first = makePod(story);
    const second = makePod(story, first.namespace);
    const isLater = dice.chance(0.5);
    const claim = makeClaim(story, { consumer: 'pods', pods: isLater ? [first] : [first, second] });
    if (!claim || (await prepareClaim(story, claim))?.ok !== true) return;
    if (isLater) {
      claim.pods.push(second);
      updateInApi(story, claim);
    }
    const one = addContainer(first, { claims: [claim], name: 'main' });
    const other = addContainer(second, { claims: [claim], name: 'main' });
    await runContainer(story, first, one);
    await runContainer(story, second, other);
    if (dice.chance(0.5)) return;
    await endPod(story, first);
    await runContainer(story, second, other);
  },
};

const podGroup: Step = {
  name: 'a claim that is reserved for a group of pods',
  weight: 2,
  run: async (story) => {
    const pod = makePod(story);
    const claim = makeClaim(story, { consumer: 'podgroup', namespace: pod.namespace });
    if (!claim || (await prepareClaim(story, claim))?.ok !== true) return;
    await runContainer(story, pod, addContainer(pod, { claims: [claim], name: 'main' }));
  },
};

const twoUsers: Step = {
  name: 'two containers of a pod want one claim',
  weight: 2,
  run: async (story, dice) => {
    const pod = await startClaimedPod(story, dice);
    const main = pod?.containers[0];
    if (pod && main) await runContainer(story, pod, addContainer(pod, { claims: main.claims, name: 'greedy' }));
  },
};

/** What well-behaved peers do. */
export const friendlySteps: readonly Step[] = [
  claimedPod,
  sharedPod,
  idleClaim,
  restart,
  lateStart,
  newSandbox,
  removal,
  again,
  sharedClaim,
  podGroup,
  twoUsers,
];
