/** What the host has in its temporary directories is in the emulated machine, too: the checkout may be anywhere. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { UnavailableError } from '../unavailable-error.ts';
import { EmulatedMachine } from './emulated-machine.ts';

const SMALL = { smp: '2', nodes: ['0-1'], memoryMiBPerNode: 512 };
const BOOT_MS = 600_000;

/** Where file systems of the machine lie over the host's. */
const parents = [tmpdir(), '/run', '/dev/shm'].filter((path) => existsSync(path));

test('scripts of a checkout in any directory of the host are in the machine, and can be changed there alone', {
  timeout: BOOT_MS,
}, async (t) => {
  const checkouts = parents.map((parent) => mkdtempSync(join(parent, 'a checkout, of: ')));
  t.after(() => checkouts.forEach((path) => rmSync(path, { recursive: true, force: true })));
  for (const path of checkouts) cpSync('hack/cluster', join(path, 'hack/cluster'), { recursive: true });
  const link = `${checkouts[0]}.link`;
  symlinkSync(checkouts[0] ?? '', link);
  t.after(() => rmSync(link, { force: true }));
  const directories = [...checkouts, link];
  let machine: EmulatedMachine;
  try {
    machine = await EmulatedMachine.boot({ ...SMALL, directories });
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    t.skip(error.message);
    return;
  }
  t.after(() => machine.stop());
  for (const path of directories) {
    const script = `set -e\ncd '${path}'\nbash -n hack/cluster/emulated-node.sh\necho 1 >new\ncat new`;
    const { status, stdout, stderr } = await machine.run(script);
    assert.equal(`${status} ${stdout}${stderr}`, '0 1\n', path);
    assert.ok(!existsSync(join(path, 'new')), path);
  }
});
