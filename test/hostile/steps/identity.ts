import type { Dice } from '../dice.ts';
import { addContainer, endContainer, endPod, runContainer, tryRun } from '../story/container-calls.ts';
import { makeClaim, makePod, NAMESPACES, startSandbox } from '../story/make.ts';
import { prepareClaim } from '../story/claim-calls.ts';
import type { Story } from '../story/story.ts';
import type { ClaimTruth, PodTruth } from '../story/truth.ts';
import { startClaimedPod } from './friendly.ts';
import type { Step } from './step.ts';
import { emptyCdiDirectory } from './wipe.ts';

/** A pod of a claim's namespace, or of another one. */
function spooferPod(story: Story, claim: ClaimTruth, dice: Dice): PodTruth {
  const other = NAMESPACES.find((namespace) => namespace !== claim.namespace) ?? claim.namespace;
  return makePod(story, dice.chance(0.7) ? claim.namespace : other);
}

/** Variables as the driver would set them, and others near them. */
function spoofedEnv(claim: ClaimTruth, dice: Dice): string[] {
  const { uid, cpus } = claim;
  return dice.oneOf([
    [`DRA_CPUSET_${uid}=${cpus}`],
    [`DRA_CPUSET_${uid}=${cpus}`, `DRA_CPUSET=${cpus}`],
    [`DRA_CPUSET_${uid}=0-15`],
    [`DRA_CPUSET_${uid}=${cpus}`, `DRA_CPUSET_${uid}=${cpus}`],
    [`DRA_CPUSET_other=${cpus}`],
    [`DRA_CPUSET_${uid}=`],
    [`DRA_CPUSET_${uid}=${cpus}\n`],
    [`DRA_CPUSET_${uid.toUpperCase()}=${cpus}`],
  ]);
}

/** Runs a container that names a claim of others; whatever comes of it, it must not be on its CPUs. */
async function spoof(story: Story, claim: ClaimTruth, dice: Dice): Promise<PodTruth> {
  const pod = spooferPod(story, claim, dice);
  const env = spoofedEnv(claim, dice);
  story.note(`spoof ${claim.uid} by ${pod.namespace}/${pod.name}: ${JSON.stringify(env)}`);
  await tryRun(story, pod, addContainer(pod, { env, name: 'spoofer' }));
  return pod;
}

const beforeOwner: Step = {
  name: 'a spoofer comes before the owner',
  weight: 4,
  run: async (story, dice) => {
    const owner = makePod(story);
    const claim = makeClaim(story, { pods: [owner] });
    if (!claim || (await prepareClaim(story, claim))?.ok !== true) return;
    await spoof(story, claim, dice);
    await runContainer(story, owner, addContainer(owner, { claims: [claim], name: 'main' }));
  },
};

const betweenRestarts: Step = {
  name: 'a spoofer comes between two restarts of the owner',
  weight: 4,
  run: async (story, dice) => {
    const pod = await startClaimedPod(story, dice);
    const main = pod?.containers[0];
    const claim = main?.claims[0];
    if (!pod || !main || !claim) return;
    await endContainer(story, main);
    if (dice.chance(0.4)) {
      await story.world.driver.kill();
      story.note('kill and restart between the restarts');
      story.world.spawnDriver();
      if (!(await story.world.waitForDriver())) return;
    }
    await spoof(story, claim, dice);
    await runContainer(story, pod, main);
  },
};

const betweenSandboxes: Step = {
  name: 'a spoofer comes between two sandboxes of the owner',
  weight: 3,
  run: async (story, dice) => {
    const pod = await startClaimedPod(story, dice);
    const main = pod?.containers[0];
    const claim = main?.claims[0];
    if (!pod?.sandbox || !main || !claim) return;
    const old = pod.sandbox;
    for (const container of pod.containers) await endContainer(story, container);
    await story.world.runtime.stopSandbox(old);
    await spoof(story, claim, dice);
    if (dice.chance(0.5)) await story.world.runtime.removeSandbox(old);
    await startSandbox(story, pod);
    await runContainer(story, pod, main);
  },
};

const besideOwn: Step = {
  name: 'a spoofer has a claim of its own',
  weight: 3,
  run: async (story, dice) => {
    const victim = dice.pick(story.prepared);
    const pod = makePod(story, victim?.namespace);
    const own = makeClaim(story, { pods: [pod] });
    if (!victim || !own || (await prepareClaim(story, own))?.ok !== true) return;
    const env = [`DRA_CPUSET_${victim.uid}=${victim.cpus}`];
    story.note(`spoof ${victim.uid} beside ${own.uid} by ${pod.namespace}/${pod.name}`);
    await tryRun(story, pod, addContainer(pod, { env, claims: [own], name: 'main' }));
  },
};

const whileAway: Step = {
  name: 'a spoofer and an owner are created while the driver is away',
  weight: 5,
  run: async (story, dice) => {
    const owner = makePod(story);
    const claim = makeClaim(story, { pods: [owner], consumer: dice.chance(0.5) ? 'template' : 'pods' });
    if (!claim || (await prepareClaim(story, claim))?.ok !== true) return;
    await story.world.driver.kill();
    const main = addContainer(owner, { claims: [claim], name: 'main' });
    const run = () => runContainer(story, owner, main);
    const order = dice.shuffle([run, () => spoof(story, claim, dice), run]).slice(0, dice.between(1, 3));
    for (const act of order) {
      if (act !== run || !main.running) await act();
    }
    if (dice.chance(0.3)) emptyCdiDirectory(story);
    story.note('the driver comes back');
    story.world.spawnDriver();
    await story.world.waitForDriver();
  },
};

const afterOwner: Step = {
  name: 'a spoofer comes when the owner is gone and the claim still prepared',
  weight: 2,
  run: async (story, dice) => {
    const pod = await startClaimedPod(story, dice);
    const claim = pod?.containers[0]?.claims[0];
    if (!pod || !claim) return;
    await endPod(story, pod);
    await spoof(story, claim, dice);
  },
};

const anyTime: Step = {
  name: 'a spoofer of any claim',
  weight: 4,
  isAside: true,
  run: async (story, dice) => {
    const claim = dice.pick(story.claims.filter(({ cpus }) => !cpus.isEmpty));
    if (claim) await spoof(story, claim, dice);
  },
};

const bomb: Step = {
  name: 'a container with huge variables',
  weight: 2,
  run: async (story, dice) => {
    const pod = makePod(story);
    const value = '0-8191,'.repeat(Math.floor(115_000 / 7)).slice(0, -1);
    const count = dice.between(1, 12);
    const env = Array.from(
      { length: count },
      (_, index) => `DRA_CPUSET_${dice.chance(0.3) ? dice.uuid() : `a${index}`}=${value}`,
    );
    story.note(`${count} variables of ${value.length} characters`);
    await tryRun(story, pod, addContainer(pod, { env, name: 'bomb' }));
    if (dice.chance(0.5)) return;
    // It may also have come while the driver was not there, and be in every list from then on.
    await story.world.driver.kill();
    await tryRun(story, pod, addContainer(pod, { env, name: 'bomb-while-away' }));
    story.world.spawnDriver();
    await story.world.waitForDriver();
  },
};

/** What pods do that want CPUs of others. */
export const identitySteps: readonly Step[] = [
  beforeOwner,
  betweenRestarts,
  betweenSandboxes,
  besideOwn,
  whileAway,
  afterOwner,
  anyTime,
  bomb,
];
