import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn } from '../judge/files.ts';
import type { Story } from '../story/story.ts';

/** Empties the directory of CDI specs, or removes it, as a reboot or a cleaner does. */
export function emptyCdiDirectory(story: Story, { isRemoved = false }: { readonly isRemoved?: boolean } = {}): void {
  const { cdiDirectory } = story.world.places;
  story.note(`the CDI directory is ${isRemoved ? 'removed' : 'emptied'}`);
  story.checkBystanders();
  if (isRemoved) rmSync(cdiDirectory, { recursive: true, force: true });
  for (const name of namesIn(cdiDirectory)) rmSync(join(cdiDirectory, name), { recursive: true, force: true });
  story.world.bystanders.remember();
}
