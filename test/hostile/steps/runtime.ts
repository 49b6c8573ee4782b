import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:net';
import { Event } from '../../../src/gen/nri.ts';
import { toldCpus } from '../peers/runtime-container.ts';
import { prepareClaim, unprepareClaim } from '../story/claim-calls.ts';
import { addContainer, cdiDevicesOf, endPod, runContainer } from '../story/container-calls.ts';
import { makeClaim, makePod, startSandbox } from '../story/make.ts';
import { allContainers, startClaimedPod } from './friendly.ts';
import type { Step } from './step.ts';

/** A container of which only events tell is confined within this time, in milliseconds. */
const CONFINE_TIMEOUT_MS = 3_000;

const reconnect: Step = {
  name: 'the runtime hangs up',
  weight: 4,
  isAside: true,
  run: async (story) => {
    story.world.runtime.disconnect();
    if (!(await story.world.waitForPinning())) story.report('I6', 'the driver does not come back to the runtime');
  },
};

const restartRuntime: Step = {
  name: 'the runtime is restarted',
  weight: 2,
  run: async (story, dice) => {
    await story.world.runtime.stop();
    await sleep(dice.between(0, 100));
    await story.world.runtime.start();
    if (!(await story.world.waitForPinning())) story.report('I6', 'the driver does not come back to the runtime');
  },
};

const unlisted: Step = {
  name: 'a container is in no list while the driver synchronizes',
  weight: 3,
  run: async (story, dice) => {
    const { runtime } = story.world;
    const pod = makePod(story);
    const isClaimed = dice.chance(0.4);
    const claim = isClaimed ? makeClaim(story, { pods: [pod] }) : undefined;
    if (claim && (await prepareClaim(story, claim))?.ok !== true) return;
    const claims = claim ? [claim] : [];
    const container = addContainer(pod, { claims, name: 'main' });
    const sandbox = await startSandbox(story, pod);
    story.inputs += 1;
    const running = await runtime.runUnlisted(sandbox, { name: 'main', env: [], cdiDevices: cdiDevicesOf(claims) });
    if (!running) return;
    container.running = running;
    if (claim) claim.owner = { podUid: pod.uid, containerName: 'main' };
    runtime.disconnect();
    story.note(`${story.describe(running)} is created while the driver synchronizes`);
    if (!(await story.world.waitForPinning())) return;
    const endMs = story.world.clock.nowMs + CONFINE_TIMEOUT_MS;
    while (running.told === '' && story.world.clock.nowMs < endMs) await sleep(20);
    if (running.told === '')
      story.report(
        'I2',
        `${story.describe(running)}, of which only events tell, was told no CPUs within ${CONFINE_TIMEOUT_MS} ms`,
      );
    else if (claim && !toldCpus(running).equals(claim.cpus)) {
      await sleep(200);
      if (!toldCpus(running).equals(claim.cpus)) {
        story.report(
          'I5',
          `${story.describe(running)}, of which only events tell, is told "${running.told}", its claim holds ${claim.cpus}`,
        );
      }
    }
  },
};

const lateUpdates: Step = {
  name: 'updates outside hooks are applied late',
  weight: 3,
  run: async (story, dice) => {
    const { runtime } = story.world;
    runtime.updateDelayMs = dice.between(20, 150);
    story.note(`updates outside hooks take ${runtime.updateDelayMs} ms`);
    const shared = makePod(story);
    await runContainer(story, shared, addContainer(shared));
    const old = await startClaimedPod(story, dice);
    const claim = old?.containers[0]?.claims[0];
    if (old && claim) {
      await endPod(story, old);
      // Its CPUs go to the containers without a claim, and at once to the next claim.
      for (const one of old.containers[0]?.claims ?? []) await unprepareClaim(story, one);
      const pod = makePod(story);
      const next = makeClaim(story, { pods: [pod], requests: claim.requests });
      if (next && (await prepareClaim(story, next))?.ok === true) {
        await runContainer(story, pod, addContainer(pod, { claims: [next], name: 'main' }));
      }
    }
    await sleep(runtime.updateDelayMs * 2);
    runtime.updateDelayMs = 0;
  },
};

const setCpus: Step = {
  name: 'something else sets the CPUs of a container',
  weight: 2,
  run: async (story, dice) => {
    const chosen = dice.pick(allContainers(story).filter(({ container }) => container.running));
    if (!chosen?.container.running || !story.world.runtime.isPinned) return;
    story.inputs += 1;
    await story.world.runtime.setCpus(chosen.container.running, dice.oneOf(['0-15', '0', '3-5']));
  },
};

const oddEvents: Step = {
  name: 'events come twice, or of containers that are not known',
  weight: 3,
  isAside: true,
  run: async (story, dice) => {
    const { runtime } = story.world;
    const known = dice.pick([...runtime.containers.values()].filter(({ state }) => state === 'running'));
    if (!known) return;
    const stranger = {
      ...known,
      id: dice.uuid(),
      sandbox: { ...known.sandbox, id: dice.uuid() },
      state: 'stopped' as const,
    };
    for (let count = dice.between(1, 5); count > 0; count -= 1) {
      const event = dice.oneOf([
        Event.POST_CREATE_CONTAINER,
        Event.START_CONTAINER,
        Event.POST_START_CONTAINER,
      ] as const);
      story.inputs += 1;
      await runtime.repeatEvent(event, known);
      await runtime.repeatEvent(Event.REMOVE_CONTAINER, stranger);
    }
  },
};

const garbage: Step = {
  name: 'something connects to no purpose',
  weight: 1,
  isAside: true,
  run: async (story, dice) => {
    // A second plugin that says nothing holds up those that come after it, in the real runtime too.
    const socket = connect(story.world.places.nriSocket);
    socket.on('error', () => undefined);
    socket.write(Buffer.from(Array.from({ length: dice.between(1, 400) }, () => dice.below(256))));
    await sleep(20);
    socket.destroy();
  },
};

/** What the runtime does. */
export const runtimeSteps: readonly Step[] = [
  reconnect,
  restartRuntime,
  unlisted,
  lateUpdates,
  setCpus,
  oddEvents,
  garbage,
];
