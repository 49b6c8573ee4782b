import type { Dice } from '../dice.ts';
import type { Story } from '../story/story.ts';

/** One kind of thing that happens in stories. */
export interface Step {
  readonly name: string;
  /** How often it happens, relative to the others. */
  readonly weight: number;
  run(story: Story, dice: Dice): Promise<void>;
}
