import { once } from 'node:events';
import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { takeClaimsDirectory } from '../claims-directory.ts';

// A driver reduced to its decisions: `racing-driver.ts PARENT NAME TOTAL`. It prints "ready", and after a line on its
// input takes the directory of claim records again and again until the numbers below TOTAL are given away. While it
// holds the directory it reads all records and gives the next free numbers away in new ones. It prints each number of
// which it would answer that it is given away.
const [parent = '', name = '', total = '0'] = process.argv.slice(2);

/** The lowest number that no record of a directory gives away. */
async function readNext(path: string): Promise<number> {
  const files = (await readdir(path)).filter((file) => file.endsWith('.json'));
  const taken = await Promise.all(files.map(async (file) => Number(await readFile(join(path, file), 'utf8'))));
  return Math.max(-1, ...taken) + 1;
}

/** Takes the directory and gives up to `count` numbers away; the next free number as it was seen last. */
async function giveAway(round: number, count: number): Promise<number> {
  const { path } = await takeClaimsDirectory(parent);
  let next = 0;
  try {
    next = await readNext(path);
    for (const last = next + count; next < last && next < Number(total); next += 1) {
      const file = join(path, `${name}-${round}-${next}.json`);
      await writeFile(`${file}.tmp`, String(next));
      await rename(`${file}.tmp`, file);
      await stat(path);
      process.stdout.write(`${next}\n`);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return next;
}

process.stdout.write('ready\n');
await once(process.stdin, 'data');
process.stdin.destroy();
for (let round = 0, known = 0; known < Number(total); round += 1) {
  known = await giveAway(round, 1 + (round % 7));
  await delay(round % 3);
}
