import { setTimeout as sleep } from 'node:timers/promises';
import { cpusOfNode } from '../peers/machine-files.ts';
import { FAULT_KINDS, type FaultTarget } from '../peers/api-faults.ts';
import { prepareClaim, unprepareClaim } from '../story/claim-calls.ts';
import { addContainer, endPod, runContainer } from '../story/container-calls.ts';
import { deleteInApi, makeClaim, makePod } from '../story/make.ts';
import { MACHINE } from '../story/world.ts';
import { startClaimedPod } from './friendly.ts';
import type { Step } from './step.ts';

const TARGETS: readonly [FaultTarget, ...FaultTarget[]] = [
  'claims',
  'claims',
  'slices',
  'watch',
  'status',
  'node',
  'everything',
];

/** A claim that takes the place of one that is gone may be prepared this late, in milliseconds. */
const SHORTAGE_TIMEOUT_MS = 3_000;

const fault: Step = {
  name: 'the API server fails for a while',
  weight: 5,
  isAside: true,
  run: async (story, dice) => {
    const faults = Array.from({ length: dice.between(1, 2) }, () => ({
      target: dice.oneOf(TARGETS),
      kind: dice.pick(FAULT_KINDS) ?? 'hang',
    }));
    story.note(`API faults ${faults.map(({ target, kind }) => `${target}: ${kind}`).join(', ')}`);
    story.world.api.fail(faults);
    const known = dice.pick(story.prepared);
    if (known) await prepareClaim(story, known, { timeoutMs: 15_000 });
    // A claim that is new waits for the API server; it is told what went wrong, or prepared when all is well.
    const pod = makePod(story);
    const claim = makeClaim(story, { pods: [pod] });
    const call = claim && prepareClaim(story, claim);
    await sleep(dice.between(10, 200));
    story.world.api.heal();
    story.note('the API server is well');
    await call;
  },
};

const lyingAtShortage: Step = {
  name: 'claims look empty in the API server while CPUs are short',
  weight: 2,
  run: async (story, dice) => {
    const node = dice.below(MACHINE.nodes);
    const free = story.freeCpus(node, cpusOfNode(MACHINE, node));
    const pod = makePod(story);
    // More than is free: the scheduler was wrong, or some claim is about to be released.
    const requests = [{ request: 'cpus0', node, cpus: Math.max(1, free + 1), shareId: dice.uuid() }];
    const claim = makeClaim(story, { pods: [pod], requests });
    if (!claim) return;
    const call = prepareClaim(story, claim);
    await sleep(dice.between(0, 30));
    story.world.api.fail([
      { target: 'claims', kind: dice.oneOf(['empty-object', 'status-object', 'null', 'list-instead']) },
    ]);
    story.note('claims look empty in the API server');
    await sleep(dice.between(20, 100));
    story.world.api.heal();
    await call;
    if (claim.state !== 'new') await unprepareClaim(story, claim);
    deleteInApi(story, claim);
  },
};

const goneAtShortage: Step = {
  name: 'an idle claim is gone from the API server while CPUs are short',
  weight: 2,
  run: async (story, dice) => {
    const node = dice.below(MACHINE.nodes);
    const size = story.freeCpus(node, cpusOfNode(MACHINE, node)) - 1;
    if (size < 1) return;
    const whole = () => [{ request: 'cpus0', node, cpus: size, shareId: dice.uuid() }];
    const old = makeClaim(story, { pods: [makePod(story)], requests: whole() });
    if (!old || (await prepareClaim(story, old))?.ok !== true) return;
    deleteInApi(story, old);
    const pod = makePod(story);
    const claim = makeClaim(story, { pods: [pod], requests: [{ ...whole()[0]!, cpus: Math.max(1, size - 1) }] });
    if (!claim) return;
    const startMs = story.world.clock.nowMs;
    // Released for the new claim, or at the latest by the kubelet.
    const answer = await prepareClaim(story, claim);
    const durationMs = story.world.clock.nowMs - startMs;
    if (answer?.ok !== true)
      story.report(
        'I5',
        `a new claim is refused for CPUs of a claim that is gone and idle: ${answer?.error.slice(0, 200)}`,
      );
    else if (durationMs > SHORTAGE_TIMEOUT_MS)
      story.report('I5', `a new claim waited ${Math.round(durationMs)} ms for CPUs of a claim that is gone and idle`);
    old.state = 'unsure';
    await unprepareClaim(story, old);
    if (answer?.ok === true) await runContainer(story, pod, addContainer(pod, { claims: [claim], name: 'main' }));
  },
};

const forcedDeletion: Step = {
  name: 'a pod is deleted by force and its CPUs go to the next',
  weight: 2,
  run: async (story, dice) => {
    const pod = await startClaimedPod(story, dice);
    const claims = pod?.containers[0]?.claims;
    if (!pod || !claims) return;
    for (const claim of claims) deleteInApi(story, claim);
    const next = makePod(story);
    const claim = makeClaim(story, { pods: [next], requests: claims.flatMap(({ requests }) => requests).slice(0, 1) });
    const call = claim && prepareClaim(story, claim);
    await sleep(dice.between(0, 60));
    await endPod(story, pod);
    for (const old of claims) await unprepareClaim(story, old);
    await call;
    if (claim?.state === 'prepared')
      await runContainer(story, next, addContainer(next, { claims: [claim], name: 'main' }));
  },
};

const deletedWhileRunning: Step = {
  name: 'the claim of a running container is deleted in the API server',
  weight: 2,
  run: async (story, dice) => {
    const claim = dice.pick(story.prepared.filter((one) => story.usersOf(one).length > 0));
    if (claim) deleteInApi(story, claim);
  },
};

const slicesRemoved: Step = {
  name: 'the slices are removed in the API server',
  weight: 3,
  isAside: true,
  run: async (story, dice) => {
    const { api } = story.world;
    api.deletesBeforeAnswer = dice.chance(0.5);
    if (dice.chance(0.3)) api.breakConnections();
    for (const { metadata } of api.store.list('resourceslices'))
      api.store.remove('resourceslices', undefined, metadata.name);
    story.note(`slices removed${api.deletesBeforeAnswer ? ', and again before the POST is answered' : ''}`);
    await sleep(dice.between(80, 200));
    api.deletesBeforeAnswer = false;
  },
};

const hugeParameters: Step = {
  name: 'a claim with huge opaque parameters',
  weight: 2,
  isAside: true,
  run: async (story, dice) => {
    const text = 'x'.repeat(1024 * 1024);
    const parameters = dice.oneOf<unknown>([
      text,
      { apiVersion: 'dra.cpu/v1alpha1', kind: text },
      { apiVersion: 'dra.cpu/v1alpha1', kind: 'CPUConfig', [text]: text },
      { apiVersion: 'dra.cpu/v1alpha1', kind: 'CPUSetConfig', cpuset: '0-1,'.repeat(250_000) },
      [text],
      null,
    ]);
    const claim = makeClaim(story, { pods: [makePod(story)], parameters });
    if (!claim) return;
    await prepareClaim(story, claim);
    if (claim.state !== 'new') await unprepareClaim(story, claim);
  },
};

/** What the API server does, and its users. */
export const apiSteps: readonly Step[] = [
  fault,
  lyingAtShortage,
  goneAtShortage,
  forcedDeletion,
  deletedWhileRunning,
  slicesRemoved,
  hugeParameters,
];
