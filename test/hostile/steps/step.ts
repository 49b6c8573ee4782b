import type { Dice } from '../dice.ts';
import type { Story } from '../story/story.ts';

/** One kind of thing that happens in stories. */
export interface Step {
  readonly name: string;
  /** How often it happens, relative to the others. */
  readonly weight: number;
  /** Whether it leaves the driver, pods and their claims alone, so that it may happen while another step does. */
  readonly isAside?: true;
  run(story: Story, dice: Dice): Promise<void>;
}
