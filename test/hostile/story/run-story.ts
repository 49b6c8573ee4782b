import { setTimeout as sleep } from 'node:timers/promises';
import { Dice } from '../dice.ts';
import { judgeEnding } from '../judge/ending.ts';
import { checkRunning, settle } from '../judge/settled.ts';
import { allCpus } from '../peers/machine-files.ts';
import type { HookTiming } from '../peers/runtime-plugin.ts';
import { pickStep, pickStepAside } from '../steps/all-steps.ts';
import { prepareBackground } from './background.ts';
import { Story } from './story.ts';
import { MACHINE, World, type WorldSettings } from './world.ts';
import { CpuSet } from '../../../src/cpuset/cpu-set.ts';

/** What came of a story. */
export interface StoryResult {
  readonly seed: number;
  readonly settings: string;
  readonly violations: Story['violations'];
  readonly notes: Story['notes'];
  readonly inputs: number;
  readonly durationMs: number;
  readonly timings: readonly HookTiming[];
}

/** Every hook is answered within this time, in milliseconds; after it the runtime would drop the driver. */
const HOOK_TIMEOUT_MS = 1_900;

const STEPS_MIN = 4;
const STEPS_MAX = 11;

function chooseSettings(dice: Dice): WorldSettings {
  const all = allCpus(MACHINE);
  return {
    nri: dice.oneOf(['0.12', '0.12', '0.11', '0.8']),
    reservedCpus: dice.chance(0.5) ? '' : '0',
    // Sometimes whoever set up the node left some CPUs out of what pods may use.
    podCpus: dice.chance(0.85) ? all : all.difference(CpuSet.of(7, 15)),
  };
}

/** Hooks that took too long. */
function checkHooks(story: Story): void {
  for (const { hook, fairMs, outcome } of story.world.runtime.timings) {
    if (fairMs > HOOK_TIMEOUT_MS) story.report('I6', `hook ${hook} was ${outcome} after ${Math.round(fairMs)} ms`);
  }
}

async function tell(story: Story, dice: Dice): Promise<void> {
  await prepareBackground(story, dice.fork(-1));
  story.world.spawnDriver();
  if (!(await story.world.waitForDriver())) {
    checkRunning(story);
    return story.report('I6', 'the driver does not come up');
  }
  const count = dice.between(STEPS_MIN, STEPS_MAX);
  for (let index = 0; index < count; index += 1) {
    const own = dice.fork(index);
    const step = pickStep(own);
    if (!step) continue;
    const aside = own.chance(0.25) ? pickStepAside(own) : undefined;
    story.note(`step ${index}: ${step.name}${aside ? `, and beside it ${aside.name}` : ''}`);
    await Promise.all([step.run(story, own.fork(1)), aside?.run(story, own.fork(2))]);
    if (own.chance(0.5)) await settle(story);
    if (own.chance(0.3)) await sleep(own.below(30));
    if (!checkRunning(story) || story.violations.length > 0) return;
  }
  await judgeEnding(story);
}

/** Tells the story of a seed. */
export async function runStory(seed: number): Promise<StoryResult> {
  const startMs = performance.now();
  const dice = new Dice(seed);
  const story = new Story(dice.fork(1));
  const settings = chooseSettings(dice);
  const described = `NRI ${settings.nri}, reserved CPUs "${settings.reservedCpus}", CPUs of pods ${settings.podCpus}`;
  story.world = await World.create(settings, dice.fork(2), (cause) => story.checkTold(cause));
  try {
    await tell(story, dice.fork(3));
  } catch (error) {
    // The suite itself broke down: as bad as a violation, and told apart.
    story.report(
      'I6',
      `the story broke off: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }
  checkHooks(story);
  const { timings } = story.world.runtime;
  const log = story.violations.length > 0 ? story.world.readLog().split('\n').slice(-25) : [];
  for (const line of log) story.note(`log ${line.slice(0, 400)}`);
  await story.world.destroy();
  const { violations, notes, inputs } = story;
  return { seed, settings: described, violations, notes, inputs, timings, durationMs: performance.now() - startMs };
}
