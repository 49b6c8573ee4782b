import { Dice } from '../dice.ts';
import { allCpus } from '../peers/machine-files.ts';
import { addContainer, tryRun } from '../story/container-calls.ts';
import { makePod } from '../story/make.ts';
import { Story } from '../story/story.ts';
import { MACHINE, World } from '../story/world.ts';

/** Containers that run all the time. */
const CONTAINERS = 20;

/** A node with a driver and some containers, for one siege. The caller destroys its world. */
export async function startSiegeNode(seed = 1): Promise<Story> {
  const story = new Story(new Dice(seed));
  const settings = { nri: '0.12', reservedCpus: '', podCpus: allCpus(MACHINE) } as const;
  story.world = await World.create(settings, new Dice(seed), (cause) => story.checkTold(cause));
  story.world.spawnDriver();
  if (!(await story.world.waitForDriver())) story.report('I6', 'the driver does not come up');
  for (let count = 0; count < CONTAINERS; count += 1) {
    const pod = makePod(story);
    await tryRun(story, pod, addContainer(pod));
  }
  return story;
}
