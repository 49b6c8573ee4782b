import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { DemoDocument } from '../../embedded/demo/demo-report.ts';
import { waitFor } from '../../embedded/cluster/local-cluster.ts';
import { program, skipReason } from '../local-cluster.ts';

const [file, ...first] = program;
const run = promisify(execFile);

/** The processes that have a text on their command line. */
async function listProcesses(text: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line.includes(text));
}

async function runDemo(args: string[], directory: string): Promise<{ document: DemoDocument; story: string }> {
  const env = { ...process.env, TMPDIR: directory };
  const { stdout, stderr } = await run(file, [...first, 'demo', '--json', ...args], { env });
  return { document: JSON.parse(stdout) as DemoDocument, story: stderr };
}

describe('dracpu demo', { skip: skipReason }, () => {
  for (const { what, args } of [
    { what: 'on this machine', args: [] },
    { what: 'on a machine of one CPU', args: ['--topology', 'core:1'] },
    { what: 'on a machine of 128 CPUs', args: ['--topology', 'pack:2 numa:2 l3:2 core:8 pu:2'] },
  ]) {
    it(`passes all its checks ${what} and leaves nothing behind`, async (t) => {
      const directory = await mkdtemp(join(tmpdir(), 'dracpu-demo-'));
      t.after(() => rm(directory, { recursive: true }));
      const { document, story } = await runDemo(args, directory);
      const failures = document.checks.filter(({ ok }) => !ok);
      assert.deepEqual(failures, []);
      assert.equal(document.passed, document.checks.length);
      assert.match(story, new RegExp(`^${document.passed} checks passed, 0 failed$`, 'm'));
      assert.ok(document.containers.length > 0);
      for (const { wanted, actual } of document.containers) assert.equal(actual, wanted);
      assert.deepEqual(await readdir(directory), []);
    });
  }

  for (const sign of ['API server', 'the driver registers', 'SIGKILL']) {
    it(`leaves nothing behind when it is killed after saying "${sign}"`, async (t) => {
      const directory = await mkdtemp(join(tmpdir(), 'dracpu-demo-'));
      t.after(() => rm(directory, { recursive: true }));
      const demo = spawn(file, [...first, 'demo', '--topology', 'core:4'], {
        env: { ...process.env, TMPDIR: directory },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      for await (const line of createInterface({ input: demo.stdout })) if (line.includes(sign)) break;
      demo.kill('SIGKILL');
      await waitFor('the directory to be empty', async () => (await readdir(directory)).length === 0);
      await waitFor('all processes to end', async () => (await listProcesses(directory)).length === 0);
    });
  }

  it('starts nothing on a machine that cannot be, says why and ends with 2', async () => {
    const outcome = run(file, [...first, 'demo', '--topology', 'core:0']);
    await assert.rejects(outcome, (error: Error & { code: number; stdout: string; stderr: string }) => {
      assert.deepEqual([error.code, error.stdout], [2, '']);
      assert.match(error.stderr, /core:0/);
      return true;
    });
  });
});
