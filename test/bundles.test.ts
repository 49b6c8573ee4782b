/** What each bundle holds, and how the command behaves where only the node's is installed, as in the image. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { COMMANDS } from '../src/cli/commands.ts';

const DRACPU = join(import.meta.dirname, '../bin/dracpu');
const skip = existsSync('dist/dracpu-embedded.cjs') ? false : 'no bundles: run make build';

/** A folder with the node's bundle alone. */
const folder = mkdtempSync(join(tmpdir(), 'bundles-'));
after(() => rmSync(folder, { recursive: true }));

/** The sources of a bundle, by their paths in the checkout. */
function listSources(name: string): string[] {
  const { sources } = JSON.parse(readFileSync(`dist/${name}.cjs.map`, 'utf8')) as { sources: string[] };
  return sources.map((source) => source.replace(/^\.\.\//, ''));
}

/** Runs the node's bundle where the others are not installed. */
function runAlone(...argv: string[]) {
  const bundle = join(folder, 'dracpu.cjs');
  copyFileSync('dist/dracpu.cjs', bundle);
  return spawnSync(process.execPath, [bundle, ...argv], { encoding: 'utf8' });
}

function runInstalled(...argv: string[]) {
  return spawnSync(DRACPU, argv, { encoding: 'utf8' });
}

test('the bundle of the node has nothing of the embedded node and of the other tools', { skip }, () => {
  const foreign = listSources('dracpu').filter((source) =>
    /^embedded\/|^src\/cli\/(tools|validate)|cel-js/.test(source),
  );
  assert.deepEqual(foreign, []);
});

test('the bundle of the embedded node has none of the decisions of the driver', { skip }, () => {
  // The names and errors of the claim's environment are part of the codec of CDI files.
  const decisions =
    /^src\/(claims\/(?!claim-(?:env|error)\b)|containers|daemon|handover|kubelet|placement|prepare|records\/(?!cdi-spec))\b/;
  assert.deepEqual(
    listSources('dracpu-embedded').filter((source) => decisions.test(source)),
    [],
  );
});

test('the bundle of the tools has neither the driver nor the embedded node', { skip }, () => {
  const foreign = /^embedded\/|^src\/(containers|daemon|kubelet|nri|prepare|ttrpc)\//;
  assert.deepEqual(
    listSources('dracpu-tools').filter((source) => foreign.test(source)),
    [],
  );
});

test('the bundle of the node runs alone and lists the commands it has', { skip }, () => {
  assert.match(runAlone('--version').stdout, /^dracpu \d/);
  const { status, stdout } = runAlone('help');
  assert.equal(status, 0);
  for (const [name, { bundle }] of Object.entries(COMMANDS)) {
    assert.equal(new RegExp(`^  ${name} `, 'm').test(stdout), bundle === 'node', name);
  }
});

for (const name of ['demo', 'embedded-node', 'validate']) {
  test(`dracpu ${name} says where the bundle is missing that it is not part of the image`, { skip }, () => {
    for (const argv of [[name], ['help', name]]) {
      const { status, stderr, stdout } = runAlone(...argv);
      assert.equal(status, 1);
      assert.equal(stdout, '');
      assert.match(stderr, new RegExp(`^Cannot run "dracpu ${name}": the command is not part of the node image`));
    }
  });
}

test('dracpu help lists every command, and each has help of its own', { skip }, () => {
  const { stdout } = runInstalled('help');
  for (const name of Object.keys(COMMANDS)) {
    assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
    const help = runInstalled(name, '--help');
    assert.equal(help.status, 0, name);
    assert.match(help.stdout, new RegExp(`^Usage: dracpu ${name} `));
    assert.equal(runInstalled('help', name).stdout, help.stdout);
  }
});

test('an unknown command ends with 2 and a suggestion', { skip }, () => {
  const { status, stderr } = runInstalled('validat');
  assert.equal(status, 2);
  assert.match(stderr, /unknown command 'validat'\n\(Did you mean validate\?\)/);
});
