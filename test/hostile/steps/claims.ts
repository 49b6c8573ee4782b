import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { recordFolders } from '../judge/records.ts';
import { settle } from '../judge/settled.ts';
import { prepareClaim, takeAnswer, unprepareClaim } from '../story/claim-calls.ts';
import { addContainer, endPod, runContainer } from '../story/container-calls.ts';
import { deleteInApi, makeClaim, makePod } from '../story/make.ts';
import type { ClaimTruth } from '../story/truth.ts';
import { startDriver } from './driver.ts';
import { emptyCdiDirectory } from './wipe.ts';
import { startClaimedPod } from './friendly.ts';
import type { Step } from './step.ts';

/** A claim that cannot be prepared is answered so in this time, in milliseconds: the driver waits 10 s for CPUs to be released. */
const REFUSAL_TIMEOUT_MS = 12_000;

const madeAgain: Step = {
  name: 'a claim is made again under its name',
  weight: 3,
  run: async (story, dice) => {
    const pod = await startClaimedPod(story, dice);
    const old = pod?.containers[0]?.claims[0];
    if (!pod || !old) return;
    await endPod(story, pod);
    deleteInApi(story, old);
    const next = makePod(story, old.namespace);
    const claim = makeClaim(story, { pods: [next], name: old.name });
    if (claim) await prepareClaim(story, claim);
    if (dice.chance(0.3)) {
      await story.world.driver.kill();
      await startDriver(story);
    }
    await unprepareClaim(story, old);
    if (claim?.state === 'prepared')
      await runContainer(story, next, addContainer(next, { claims: [claim], name: 'main' }));
  },
};

const batch: Step = {
  name: 'many claims are prepared in one call',
  weight: 3,
  run: async (story, dice) => {
    const claims: ClaimTruth[] = [];
    for (let count = dice.between(2, 5); count > 0; count -= 1) {
      const claim = makeClaim(story, { pods: [makePod(story)] });
      if (!claim) continue;
      claims.push(claim);
      // Counted as held, so that the next one takes other CPUs.
      claim.state = 'unsure';
    }
    if (claims.length === 0) return;
    story.inputs += claims.length;
    const answers = await story.world.kubelet.prepare(dice.shuffle(claims));
    for (const claim of claims) takeAnswer(story, claim, answers.get(claim.uid));
  },
};

const killWhileUnpreparing: Step = {
  name: 'the driver is killed while it unprepares',
  weight: 3,
  run: async (story, dice) => {
    const pod = await startClaimedPod(story, dice);
    const claims = pod?.containers[0]?.claims;
    if (!pod || !claims) return;
    await endPod(story, pod);
    const calls = claims.map((claim) => unprepareClaim(story, claim, { timeoutMs: 3_000 }));
    await sleep(dice.between(0, 8));
    await story.world.driver.kill();
    await Promise.all(calls);
    await startDriver(story);
    for (const claim of claims) await unprepareClaim(story, claim);
  },
};

const reboot: Step = {
  name: 'the machine is rebooted',
  weight: 2,
  run: async (story, dice) => {
    const { runtime, driver } = story.world;
    story.note('everything but the disk is gone');
    await driver.kill();
    for (const container of runtime.containers.values()) story.world.cgroups.remove(container);
    await runtime.stop();
    runtime.containers.clear();
    runtime.sandboxes.clear();
    emptyCdiDirectory(story);
    for (const pod of story.livePods) {
      pod.sandbox = undefined;
      for (const container of pod.containers) container.running = undefined;
    }
    await runtime.start();
    await startDriver(story);
    // The kubelet prepares the claims of its pods again, in any order, with new ones among them.
    for (const claim of dice.shuffle(story.prepared.filter(({ isInApi }) => isInApi))) {
      await prepareClaim(story, claim);
      if (dice.chance(0.2)) await startClaimedPod(story, dice);
    }
    await settle(story);
  },
};

const runsOn: Step = {
  name: 'a pod that is gone from the API server runs on over the CPUs that the next claim wants',
  weight: 0.2,
  run: async (story, dice) => {
    const pod = await startClaimedPod(story, dice);
    const old = pod?.containers[0]?.claims[0];
    if (!pod || !old) return;
    deleteInApi(story, old);
    // Everything that is left on the node, and one CPU of the claim that is gone.
    const [first] = old.requests;
    if (!first) return;
    const requests = [{ ...first, shareId: dice.uuid(), cpus: 7 }];
    const claim = makeClaim(story, { pods: [makePod(story)], requests });
    if (!claim) return;
    const startMs = story.world.clock.nowMs;
    const answer = await prepareClaim(story, claim);
    const durationMs = story.world.clock.nowMs - startMs;
    if (answer?.ok !== true && durationMs > REFUSAL_TIMEOUT_MS) {
      story.report('I6', `a claim without room was refused after ${Math.round(durationMs)} ms`);
    }
    if (answer?.ok === true) await unprepareClaim(story, claim);
  },
};

const adoptedWhilePrepared: Step = {
  name: 'a claim is adopted from its container while it is prepared',
  weight: 2,
  run: async (story, dice) => {
    const claim = dice.pick(story.prepared.filter((one) => one.isInApi && story.usersOf(one).length > 0));
    if (!claim) return;
    await story.world.driver.kill();
    const [folder] = recordFolders(story.world.pluginDirectory);
    if (folder !== undefined) rmSync(join(folder, `${claim.uid}.json`), { force: true });
    if (dice.chance(0.7)) emptyCdiDirectory(story);
    story.note(`the record of ${claim.uid} is gone, and the API server slow`);
    story.world.api.fail([{ target: 'claims', kind: dice.oneOf(['slow', 'drip', 'unavailable']) }]);
    story.world.spawnDriver();
    await story.world.kubelet.waitForDriver(20_000);
    const calls = Array.from({ length: dice.between(1, 3) }, () => story.world.kubelet.prepare([claim]));
    const other = makeClaim(story, { pods: [makePod(story)] });
    const beside = other && prepareClaim(story, other);
    await sleep(dice.between(50, 300));
    story.world.api.heal();
    for (const answers of await Promise.all(calls)) takeAnswer(story, claim, answers.get(claim.uid));
    await beside;
    await story.world.waitForPinning();
  },
};

/** What happens to claims over their lives. */
export const claimSteps: readonly Step[] = [
  madeAgain,
  batch,
  killWhileUnpreparing,
  adoptedWhilePrepared,
  reboot,
  runsOn,
];
