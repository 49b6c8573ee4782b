/** The driver and a real containerd on a machine of two sockets and four NUMA nodes, with cgroup v2. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findCache, findRuntimeBinaries } from '../containerd/debian-packages.ts';
import { UnavailableError } from '../unavailable-error.ts';
import { EmulatedMachine, TWO_SOCKETS_FOUR_NODES } from './emulated-machine.ts';

const CHECKOUT = join(import.meta.dirname, '../../..');
/** Five minutes where nothing else runs, most of it in the container runtime. */
const STORY_MS = 900_000;
const SLOWNESS = 10;

async function bootMachine(t: TestContext): Promise<EmulatedMachine | undefined> {
  try {
    // The machine has no network: its container runtime comes from the host's cache.
    await findRuntimeBinaries();
    return await EmulatedMachine.boot({ ...TWO_SOCKETS_FOUR_NODES, directories: [findCache()] });
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    t.skip(error.message);
    return undefined;
  }
}

test('pinning on an emulated machine with four NUMA nodes and cgroup v2', {
  timeout: STORY_MS + 300_000,
}, async (t) => {
  if (!existsSync(join(CHECKOUT, 'dist/dracpu.cjs'))) {
    execFileSync(process.execPath, ['hack/build.ts'], { cwd: CHECKOUT });
  }
  const machine = await bootMachine(t);
  if (!machine) return;
  t.after(() => machine.stop());
  const environment = {
    PATH: `${dirname(process.execPath)}:$PATH`,
    // An overlay cannot stand on the machine's root, which is one.
    TMPDIR: '/run/story',
    DRACPU_TEST_SLOWNESS: SLOWNESS,
    DRACPU_TEST_CACHE: findCache(),
  };
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}="${value}"`);
  const story = join(import.meta.dirname, 'pinning-in-guest.ts');
  const setUp = ['mkdir /run/story', 'mount -t tmpfs tmpfs /run/story'];
  const script = [...setUp, ...exports, `cd ${CHECKOUT}`, `node ${story}`];
  const { status, stdout, stderr } = await machine.run(script.join('\n'), { timeoutMs: STORY_MS });
  for (const line of stdout.split('\n')) if (/ \d+ s: /.test(line)) t.diagnostic(line);
  assert.equal(status, 0, `${stdout}\n${stderr}`);
});
