import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';

const MAIN = new URL('../src/cli/main.ts', import.meta.url).pathname;
const EXAMPLES = new URL('../hack/examples/', import.meta.url).pathname;

function validate(argv: readonly string[], input = '') {
  return spawnSync(process.execPath, [MAIN, 'validate', ...argv], { encoding: 'utf8', input });
}

for (const name of readdirSync(EXAMPLES).filter((file) => file.endsWith('.yaml'))) {
  test(`dracpu validate finds nothing wrong with the example ${name}`, () => {
    const mapping = name.includes('node_allocatable') ? ['--node-allocatable-mapping'] : [];
    const { stdout, status } = validate(['-f', `${EXAMPLES}${name}`, ...mapping]);
    assert.match(stdout, /^[1-9]\d* objects? checked: 0 errors, 0 warnings\n$/);
    assert.equal(status, 0);
  });
}

test('dracpu validate reads standard input and ends with 1 when something is wrong', () => {
  const claim = { kind: 'ResourceClaim', metadata: { name: 'c' } };
  const request = {
    name: 'r',
    exactly: { deviceClassName: 'dra.cpu', capacity: { requests: { 'dra.cpu/cpu': '0.5' } } },
  };
  const text = JSON.stringify({ ...claim, spec: { devices: { requests: [request] } } });
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

test('dracpu validate ends with 2 for a file that cannot be read', () => {
  const { status, stderr } = validate(['-f', '/nonexistent.yaml']);
  assert.equal(status, 2);
  assert.match(stderr, /nonexistent\.yaml/);
});
