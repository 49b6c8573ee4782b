/** How the driver ends when it is started wrongly, before it has touched anything. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const MAIN = new URL('../src/cli/main.ts', import.meta.url).pathname;

function start(...argv: string[]) {
  return spawnSync(process.execPath, [MAIN, ...argv], { encoding: 'utf8', timeout: 60_000 });
}

test('the driver ends with 2 at an unknown flag and suggests one', () => {
  const { status, stderr } = start('--grup-by=socket');
  assert.equal(status, 2);
  assert.match(stderr, /unknown flag "--grup-by"; did you mean "--group-by"\?/);
});

test('the driver ends with 2 at a wrong value and says what is allowed', () => {
  const { status, stderr } = start('--cpu-device-mode=single', '--reserved-cpus=3-1');
  assert.equal(status, 2);
  assert.match(stderr, /"--cpu-device-mode" is "single"; want "grouped" or "individual"/);
  assert.match(stderr, /"--reserved-cpus" is "3-1"; want a Linux CPU list/);
});

test('C1: the driver ends with 2 at an unknown key of its file, with its line and a suggestion', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dracpu-start-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'config.yaml');
  writeFileSync(path, 'apiVersion: v1alpha1\nreservedCPU: "0-1"\n');
  const { status, stderr } = start(`--config=${path}`);
  assert.equal(status, 2);
  assert.match(stderr, /line 2, column 1: unknown key "reservedCPU"; did you mean "reservedCPUs"\?/);
});
