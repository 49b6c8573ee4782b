/** Does what docs/contributing/embedded-node.md says, step by step. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

const PAGE = 'docs/contributing/embedded-node.md';
/** How long one step may take. */
const STEP_MS = 60_000;

function findSkip(): string | false {
  if (!existsSync('dist/dracpu-embedded.cjs')) return 'no bundles: run make build';
  return spawnSync('kubectl', ['version', '--client']).status === 0 ? false : 'no kubectl in PATH';
}

/** The commands of the numbered steps, with another directory in place of /tmp/node. */
function readSteps(directory: string): string[] {
  const page = readFileSync(PAGE, 'utf8');
  const section = page.slice(page.indexOf('## Run it by hand'), page.indexOf('## Options'));
  const blocks = [...section.matchAll(/^( *)```sh\n(.*?)^ *```$/gms)];
  return blocks.map(([, indent = '', text = '']) =>
    text.replaceAll(new RegExp(`^${indent}`, 'gm'), '').replaceAll('/tmp/node', directory),
  );
}

/** Starts a step in a process group of its own. */
function startStep(step: string): ChildProcess {
  return spawn('sh', ['-c', step], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
}

/** Ends a step with all its processes. */
async function endStep(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null) return;
  const exited = once(child, 'exit');
  process.kill(-child.pid, 'SIGTERM');
  await exited;
}

test(`${PAGE}: the node, the driver and a pod with a claim run as shown`, { skip: findSkip() }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'by-hand-'));
  const started: ChildProcess[] = [];
  t.after(async () => {
    for (const child of started.toReversed()) await endStep(child);
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  const [startNode = '', startDriver = '', ...steps] = readSteps(directory);
  assert.equal(steps.length, 3);
  const node = startStep(startNode);
  started.push(node);
  assert.ok(node.stdout);
  const [line] = await once(createInterface({ input: node.stdout }), 'line');
  assert.match(String(line), /^\{"server":/);
  started.push(startStep(startDriver));
  const { status, stdout, stderr } = spawnSync('sh', ['-ec', steps.join('\n')], { encoding: 'utf8', timeout: STEP_MS });
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.match(stdout, /^pod\/quickstart +2\/2 +Running/m);
  assert.match(stdout, /^resourceclaim\.resource\.k8s\.io\/quickstart-cpus-\w+ +allocated,reserved/m);
});
