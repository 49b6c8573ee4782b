import { setTimeout as sleep } from 'node:timers/promises';
import type { ClaimName } from '../peers/kubelet.ts';
import { claimObject } from '../story/api-objects.ts';
import { checkError, describeAnswer, prepareClaim, unprepareClaim } from '../story/claim-calls.ts';
import { addContainer, endContainer, runContainer } from '../story/container-calls.ts';
import { makeClaim, makePod } from '../story/make.ts';
import type { Step } from './step.ts';

/** Texts that are no names, and lead elsewhere where they are taken for paths. */
const HOSTILE_NAMES = [
  'b/../../x',
  'b/../../../victim',
  'b/../../../../victim',
  'b/../../../../../victim',
  '../victim',
  '..',
  '.',
  '',
  '/etc',
  'a\u0000b',
  'a\nb',
  'x'.repeat(300),
  'x'.repeat(100_000),
  '__proto__',
] as const;

// The suite's own codec reads an answer for "__proto__" into an object and loses it.
const hostileNames: Step = {
  name: 'the kubelet names a claim that is no name',
  weight: 4,
  isAside: true,
  run: async (story, dice) => {
    const claim = makeClaim(story, { pods: [makePod(story)] });
    if (!claim) return;
    const field = dice.oneOf<keyof ClaimName>(['name', 'name', 'namespace', 'uid']);
    const text = dice.pick(HOSTILE_NAMES) ?? '';
    const named = { uid: claim.uid, namespace: claim.namespace, name: claim.name, [field]: text };
    // The API server knows it by that name.
    if (dice.chance(0.7)) {
      const object = claimObject(claim);
      story.world.api.store.put('resourceclaims', { ...object, metadata: { ...object.metadata, ...named } });
    }
    story.inputs += 2;
    const { kubelet } = story.world;
    const prepared = (await kubelet.prepare([named])).get(named.uid);
    story.note(`prepare with ${field} ${JSON.stringify(text.slice(0, 40))}: ${describeAnswer(prepared)}`);
    if (text !== '__proto__') checkError(story, prepared);
    if (dice.chance(0.3)) await sleep(20);
    const unprepared = (await kubelet.unprepare([named])).get(named.uid);
    story.note(`unprepare it: ${describeAnswer(unprepared)}`);
    if (text !== '__proto__') checkError(story, unprepared);
    if (field !== 'uid') claim.state = 'unsure';
  },
};

const manyClaims: Step = {
  name: 'the kubelet names a thousand claims in one call',
  weight: 1,
  isAside: true,
  run: async (story, dice) => {
    const claims = Array.from({ length: 1_000 }, (_, index) => ({
      uid: dice.uuid(),
      namespace: 'shop',
      name: `many-${index}`,
    }));
    story.inputs += 2_000;
    const call = dice.chance(0.5) ? 'prepare' : 'unprepare';
    story.note(`${call} of 1000 claims that are not there`);
    const answers = story.world.kubelet[call](claims);
    // Containers come meanwhile.
    const pod = makePod(story);
    for (let count = 0; count < 3; count += 1) await runContainer(story, pod, addContainer(pod));
    for (const answer of (await answers).values()) checkError(story, answer);
  },
};

const overlapping: Step = {
  name: 'calls for one claim overlap',
  weight: 3,
  isAside: true,
  run: async (story, dice) => {
    const pod = makePod(story);
    const claim = makeClaim(story, { pods: [pod] });
    if (!claim) return;
    const { kubelet } = story.world;
    const calls = Array.from({ length: dice.between(2, 6) }, () =>
      dice.chance(0.6) ? kubelet.prepare([claim, claim]) : kubelet.unprepare([claim]),
    );
    story.inputs += calls.length;
    story.note(`${calls.length} calls for ${claim.uid} at once`);
    await Promise.all(calls);
    claim.state = 'unsure';
    // What was answered last counts.
    if (dice.chance(0.5)) await unprepareClaim(story, claim);
    if ((await prepareClaim(story, claim))?.ok !== true) return;
    await runContainer(story, pod, addContainer(pod, { claims: [claim], name: 'main' }));
  },
};

const unprepareRunning: Step = {
  name: 'a claim is unprepared while its container runs',
  weight: 4,
  run: async (story, dice) => {
    const claim = dice.pick(story.prepared.filter((one) => story.usersOf(one).length > 0));
    if (!claim) return;
    const [user] = story.usersOf(claim);
    const isOverForRuntime = dice.chance(0.4);
    if (isOverForRuntime && user) {
      // The runtime says that it stopped, and its process lives.
      await story.world.runtime.stopEvent(user);
      story.note(`the runtime says that ${story.describe(user)} stopped, which runs on`);
      const answer = await unprepareClaim(story, claim);
      if (answer?.ok === true)
        story.report('I4', `claim ${claim.uid} was unprepared while a process of its container lives`);
      const owner = story.pods.flatMap(({ containers }) => containers).find(({ running }) => running === user);
      if (owner) await endContainer(story, owner);
    } else await unprepareClaim(story, claim);
  },
};

const wrongAllocation: Step = {
  name: 'more CPUs are allocated than there are',
  weight: 2,
  isAside: true,
  run: async (story, dice) => {
    const requests = Array.from({ length: dice.between(1, 3) }, (_, index) => ({
      request: `cpus${index}`,
      node: dice.below(3),
      cpus: dice.oneOf([6, 8, 64, 100_000]),
      shareId: dice.uuid(),
    }));
    const claim = makeClaim(story, { pods: [makePod(story)], requests });
    if (!claim) return;
    await prepareClaim(story, claim);
    if (claim.state !== 'new') await unprepareClaim(story, claim);
  },
};

/** What a kubelet calls that is confused, or not one. */
export const kubeletSteps: readonly Step[] = [hostileNames, manyClaims, overlapping, unprepareRunning, wrongAllocation];
