import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { settle } from '../judge/settled.ts';
import type { DriverProcess } from '../peers/driver.ts';
import { prepareClaim } from '../story/claim-calls.ts';
import { addContainer, runContainer, tryRun } from '../story/container-calls.ts';
import { makeClaim, makePod } from '../story/make.ts';
import type { Story } from '../story/story.ts';
import { namesIn } from '../judge/files.ts';
import { findFreePort } from '../story/world.ts';
import type { Step } from './step.ts';

/** Starts the driver again and waits for it. */
export async function startDriver(story: Story, podUid?: string): Promise<void> {
  // Two pods have a network each.
  if (podUid !== undefined) story.world.port = await findFreePort();
  story.world.spawnDriver(podUid === undefined ? {} : { podUid });
  if (!(await story.world.waitForDriver())) story.report('I6', 'the driver does not come up');
}

const killAndRestart: Step = {
  name: 'the driver is killed and started again',
  weight: 5,
  run: async (story) => {
    await story.world.driver.kill();
    await startDriver(story);
  },
};

const killWhileCalled: Step = {
  name: 'the driver is killed while it prepares',
  weight: 4,
  run: async (story, dice) => {
    const pod = makePod(story);
    const claim = makeClaim(story, { pods: [pod] });
    if (!claim) return;
    const call = prepareClaim(story, claim, { timeoutMs: 3_000 });
    await sleep(dice.between(0, 15));
    await story.world.driver.kill();
    await call;
    await startDriver(story);
    // The kubelet asks again.
    if ((await prepareClaim(story, claim))?.ok === true) {
      await runContainer(story, pod, addContainer(pod, { claims: [claim], name: 'main' }));
    }
  },
};

const stopAndRestart: Step = {
  name: 'the driver is stopped and started again',
  weight: 2,
  run: async (story) => {
    const ending = await story.world.driver.stop();
    if (ending !== 'code 0') story.report('I6', `the driver that was asked to stop ended with ${ending}`);
    await startDriver(story);
  },
};

const away: Step = {
  name: 'containers come and go while the driver is away',
  weight: 3,
  run: async (story, dice) => {
    await story.world.driver.kill();
    for (let count = dice.between(1, 3); count > 0; count -= 1) {
      const pod = makePod(story);
      await tryRun(story, pod, addContainer(pod));
    }
    await startDriver(story);
  },
};

/** Calls both drivers side by side; what both answer must be true of one set of records. */
async function callBoth(story: Story, endpoints: readonly (string | undefined)[]): Promise<void> {
  for (const endpoint of endpoints) {
    const pod = makePod(story);
    const claim = makeClaim(story, { pods: [pod] });
    if (!claim) continue;
    const answer = (await story.world.kubelet.prepareAt(endpoint, [claim], { timeoutMs: 5_000 })).get(claim.uid);
    story.note(
      `prepare ${claim.uid} at ${endpoint ?? 'nothing'}: ${answer?.ok === true ? 'ok' : (answer?.error ?? '').slice(0, 200)}`,
    );
    claim.state = 'unsure';
    // The kubelet that asks again hears the same.
    if (answer?.ok === true) await prepareClaim(story, claim);
  }
}

const takeover: Step = {
  name: 'a newer driver takes the node over',
  weight: 2,
  run: async (story, dice) => {
    const old = story.world.driver;
    await old.kill();
    await startDriver(story, dice.uuid());
    const first = story.world.driver;
    const firstEndpoint = story.world.kubelet.endpoint;
    if (dice.chance(0.5)) {
      // It no longer answers newcomers, and goes on.
      rmSync(join(story.world.pluginDirectory, 'holder.sock'), { force: true });
      story.note('holder.sock is removed');
    }
    // One of the two may give up with a message, as the kubelet starts it again.
    first.isEnding = true;
    await startDriver(story, dice.uuid());
    await callBoth(story, [firstEndpoint, story.world.kubelet.endpoint, firstEndpoint]);
    if (first.isRunning) await first.kill();
    if (!(await story.world.waitForPinning())) story.report('I6', 'the successor does not pin');
  },
};

const newcomers: Step = {
  name: 'two drivers start at once',
  weight: 1,
  run: async (story, dice) => {
    await story.world.driver.kill();
    const rivals: DriverProcess[] = [];
    for (let count = 0; count < 2; count += 1) {
      story.world.port = await findFreePort();
      const rival = story.world.spawnDriver({ podUid: dice.uuid() });
      // One of them gives up, or hands the node over to the other.
      rival.isEnding = true;
      rivals.push(rival);
      await sleep(dice.between(0, 40));
    }
    if (!(await story.world.waitForDriver()))
      story.report('I6', 'neither of two drivers that start at once serves the node');
    await settle(story);
    const endpoint = story.world.kubelet.endpoint ?? '';
    await callBoth(story, [endpoint, endpoint]);
    // Which of them has the node is not known: both end, and the next one finds what was decided.
    for (const rival of rivals.filter(({ isRunning }) => isRunning)) await rival.kill();
    await startDriver(story);
  },
};

/** Ways in which a program on holder.sock is no help. */
type FalseHolder = 'silent' | 'half' | 'garbage' | 'dies';

const falseHolder: Step = {
  name: 'something that is no driver answers on holder.sock',
  weight: 1,
  run: async (story, dice) => {
    const kind = dice.oneOf<FalseHolder>(['silent', 'half', 'garbage', 'dies']);
    await story.world.driver.kill();
    const path = join(story.world.pluginDirectory, 'holder.sock');
    rmSync(path, { force: true });
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      if (kind === 'half') socket.write('{"release":"kube-system/dracpu","holder":"pod ');
      if (kind === 'garbage') socket.write('\u0000\u0001 no\n'.repeat(100));
      if (kind === 'dies') socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    story.note(`a ${kind} holder`);
    const driver = story.world.spawnDriver();
    // It ends, as a driver that was killed would; a driver that gave up is started again by the kubelet.
    setTimeout(() => server.close(), 2_500).unref();
    while (driver.isRunning && !story.world.runtime.isPinned) await sleep(20);
    if (!driver.isRunning && driver.ending === 'code 0') {
      story.report('I6', `beside a ${kind} holder the driver ended with code 0`);
    }
    driver.isEnding = true;
    if (driver.isRunning) await driver.kill();
    await new Promise((resolve) => server.close(resolve));
    await startDriver(story);
    const names = namesIn(story.world.pluginDirectory).filter((name) => name.startsWith('claims'));
    if (names.length > 1) story.report('I3', `there are ${names.length} folders of records`);
  },
};

/** What happens to the driver. */
export const driverSteps: readonly Step[] = [
  killAndRestart,
  killWhileCalled,
  stopAndRestart,
  away,
  takeover,
  newcomers,
  falseHolder,
];
