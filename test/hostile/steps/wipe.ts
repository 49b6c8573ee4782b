import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn } from '../judge/files.ts';
import type { Story } from '../story/story.ts';

/** Removes a file or a folder, also one that the driver writes into meanwhile. */
export function removeTree(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 5 });
}

/** Empties the directory of CDI specs, or removes it, as a reboot or a cleaner does. */
export function emptyCdiDirectory(story: Story, { isRemoved = false }: { readonly isRemoved?: boolean } = {}): void {
  const { cdiDirectory } = story.world.places;
  story.note(`the CDI directory is ${isRemoved ? 'removed' : 'emptied'}`);
  story.checkBystanders();
  if (isRemoved) removeTree(cdiDirectory);
  for (const name of namesIn(cdiDirectory)) removeTree(join(cdiDirectory, name));
  story.world.bystanders.remember();
}
