import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CpuTopology } from '../../src/topology/topology.ts';
import { describeMachine } from './describe-machine.ts';

/**
 * Writes a machine's sysfs below `directory`, which then serves as a host root: reading it back gives an equal topology.
 * The directory is made where it is missing and should be empty, for files of another machine stay.
 */
export function writeMachine(directory: string, topology: CpuTopology): void {
  const { files, links } = describeMachine(topology);
  const made = new Set<string>();
  const makeParent = (path: string) => {
    const parent = dirname(path);
    if (made.has(parent)) return;
    mkdirSync(parent, { recursive: true });
    made.add(parent);
  };
  for (const [path, contents] of files) {
    const full = join(directory, path);
    makeParent(full);
    writeFileSync(full, contents);
  }
  for (const [path, target] of links) {
    const full = join(directory, path);
    makeParent(full);
    symlinkSync(target, full);
  }
}
