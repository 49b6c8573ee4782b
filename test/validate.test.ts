import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const MAIN = new URL('../src/cli/main.ts', import.meta.url).pathname;
const EXAMPLES = new URL('../hack/examples/', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'validate-'));
after(() => rmSync(folder, { recursive: true }));

function validate(argv: readonly string[], input = '') {
  return spawnSync(process.execPath, [MAIN, 'validate', ...argv], { encoding: 'utf8', input });
}

/** A claim with one request. */
const claimOf = (exactly: object, apiVersion = 'resource.k8s.io/v1') =>
  JSON.stringify({
    apiVersion,
    kind: 'ResourceClaim',
    metadata: { name: 'c' },
    spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'dra.cpu', ...exactly } }] } },
  });

test('dracpu validate finds nothing wrong with the examples, all together and without any option', () => {
  const { stdout, status } = validate(['-f', EXAMPLES]);
  assert.match(stdout, /^[1-9]\d* objects checked: 0 errors, 0 warnings\n$/);
  assert.equal(status, 0);
});

for (const name of readdirSync(EXAMPLES).filter((file) => file.endsWith('.yaml'))) {
  test(`dracpu validate finds nothing wrong with the example ${name}`, () => {
    const { stdout, status } = validate(['-f', `${EXAMPLES}${name}`]);
    assert.match(stdout, /^[1-9]\d* objects? checked: 0 errors, 0 warnings\n$/);
    assert.equal(status, 0);
  });
}

test('dracpu validate takes its options before what a file states', () => {
  const file = `${EXAMPLES}pod_with_resource_claim_grouped_mode.yaml`;
  const { stdout, status } = validate(['-f', file, '--cpu-device-mode', 'individual']);
  assert.equal(status, 1);
  assert.match(stdout, /no capacity: devices with cpuDeviceMode individual have none/);
});

test('dracpu validate reads standard input and ends with 1 when something is wrong', () => {
  const text = claimOf({ capacity: { requests: { 'dra.cpu/cpu': '0.5' } } });
  const asText = validate(['-f', '-'], text);
  assert.equal(asText.status, 1);
  assert.match(asText.stdout, /^stdin:1:\d+: error: ResourceClaim default\/c: .* is "0\.5"; want a whole number/);
  const asJson = validate(['-f', '-', '-o', 'json'], text);
  assert.equal(asJson.status, 1);
  const { objects, errors, issues } = JSON.parse(asJson.stdout) as {
    objects: number;
    errors: number;
    issues: object[];
  };
  assert.deepEqual([objects, errors, issues.length], [1, 1, 1]);
});

test('dracpu validate judges attributes by --cpu-device-mode and --group-by', () => {
  const selector = (name: string) =>
    claimOf({ selectors: [{ cel: { expression: `device.attributes["dra.cpu"].${name} == 0` } }] });
  const statusOf = (name: string, ...flags: string[]) => validate(['-f', '-', ...flags], selector(name)).status;
  assert.equal(statusOf('coreID'), 1);
  assert.equal(statusOf('coreID', '--cpu-device-mode', 'individual'), 0);
  assert.equal(statusOf('numaNodeID'), 0);
  assert.equal(statusOf('numaNodeID', '--group-by=socket'), 1);
  assert.equal(statusOf('cacheL3ID', '--group-by=l3cache'), 0);
});

test('dracpu validate ends with 2 for a mode that the driver does not have', () => {
  for (const flags of [
    ['--cpu-device-mode', 'single'],
    ['--group-by', 'rack'],
    ['--claim-sharing', 'all'],
  ]) {
    const { status, stderr } = validate(['-f', '-', ...flags], claimOf({}));
    assert.equal(status, 2, flags.join(' '));
    assert.match(stderr, /Allowed choices are/);
  }
});

test('dracpu validate says which kinds it does not check', () => {
  const text = `${claimOf({})}\n---\n{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}`;
  const { stdout, status } = validate(['-f', '-'], text);
  assert.equal(stdout, '1 object checked: 0 errors, 0 warnings; not checked: ConfigMap\n');
  assert.equal(status, 0);
});

test('dracpu validate does not say that all is well where there is no object', () => {
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  writeFileSync(join(folder, 'comment.yaml'), '# nothing\n---\n');
  for (const path of [empty, join(folder, 'comment.yaml')]) {
    const { status, stderr, stdout } = validate(['-f', path]);
    assert.equal(status, 1);
    assert.match(stderr, /^Cannot validate: no object in ".*"; check --filename/);
    assert.equal(stdout, '');
  }
});

test('dracpu validate ends with 2 for a file that cannot be read', () => {
  const { status, stderr } = validate(['-f', '/nonexistent.yaml']);
  assert.equal(status, 2);
  assert.match(stderr, /nonexistent\.yaml/);
});
