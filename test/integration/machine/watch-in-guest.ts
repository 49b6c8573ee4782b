/**
 * Runs in the emulated machine: watches its CPUs and writes what is told into the folder of the first argument: `watching`, then
 * `changed` once ten CPUs are off and `whole` once all are back. Ends then.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTopology } from '../../../src/sysfs/read-topology.ts';
import { watchTopology } from '../../../src/sysfs/watch-topology.ts';

const [, , folder = '.'] = process.argv;
const read = { hostRoot: '/', pcieRoots: false };
const known = readTopology(read);
const whole = known.online;
const smaller = whole.size - 10;
const write = (name: string, cpus: unknown) => writeFileSync(join(folder, name), `${String(cpus)}\n`);

// The watch does not keep the process alive.
const alive = setInterval(() => {}, 60_000);
const stop = watchTopology({
  read,
  known,
  onChange: ({ online }) => {
    if (online.size === smaller) write('changed', online);
    if (!online.equals(whole)) return;
    write('whole', online);
    stop();
    clearInterval(alive);
  },
  onError: (error) => process.stderr.write(`${String(error)}\n`),
});
write('watching', whole);
