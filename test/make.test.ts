/** The make targets and variables that the specification names, without doing what they do. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const probe = spawnSync('make', ['--version'], { encoding: 'utf8' });
const skip = probe.status === 0 ? false : 'make is not installed';

/** The commands that targets would run. */
function dryRun(targets: string[], env: Record<string, string> = {}): string {
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('DRACPU_') && !name.startsWith('MAKE'));
  const run = spawnSync('make', ['--dry-run', ...targets], {
    encoding: 'utf8',
    env: { ...Object.fromEntries(clean), ...env },
  });
  assert.equal(run.status, 0, run.stderr);
  return run.stdout;
}

for (const [target, command] of [
  ['kind-cluster', /kind create cluster .*--config hack\/kind\.yaml/],
  ['ci-kind-setup', /kind create cluster .*--config hack\/ci\/kind-ci\.yaml[^]*upgrade --install dra-driver-cpu/],
  ['delete-kind-cluster', /kind delete cluster/],
  ['manifests', /hack\/manifests\.ts/],
  ['soak', /SEEDS='200'.*soak/],
  ['test-unit', /test:unit/],
  ['test-e2e', /test:e2e/],
  ['test-e2e-kind', /kind create cluster[^]*test:e2e/],
  ['lint', /check:lint/],
  ['help', /MAKEFILE_LIST|grep/],
] as const) {
  test(`make ${target} is a target of the specification`, { skip }, () => assert.match(dryRun([target]), command));
}

test('make test-e2e leaves the cluster alone that is there, test-e2e-kind leaves its own', { skip }, () => {
  assert.doesNotMatch(dryRun(['test-e2e']), /kind (create|delete) cluster/);
  assert.doesNotMatch(dryRun(['test-e2e-kind']), /kind delete cluster/);
});

test('make ci-kind-setup installs the driver in grouped mode, or as DRACPU_E2E_CPU_DEVICE_MODE says', { skip }, () => {
  assert.match(dryRun(['ci-kind-setup']), /--set driverConfig\.cpuDeviceMode=grouped/);
  const individual = dryRun(['ci-kind-setup'], { DRACPU_E2E_CPU_DEVICE_MODE: 'individual' });
  assert.match(individual, /--set driverConfig\.cpuDeviceMode=individual/);
});

test('make test-e2e-kind says what it does with DRACPU_E2E_VERBOSE', { skip }, () => {
  const said = /echo "creating kind cluster/;
  assert.match(dryRun(['test-e2e-kind'], { DRACPU_E2E_VERBOSE: '1' }), said);
  assert.doesNotMatch(dryRun(['test-e2e-kind']), said);
});

test('make lint hands GOLANGCI_LINT_EXTRA_ARGS to the linter as they are', { skip }, () => {
  assert.match(dryRun(['lint', 'GOLANGCI_LINT_EXTRA_ARGS=--fix']), /check:lint -- --fix$/m);
  assert.match(dryRun(['lint'], { GOLANGCI_LINT_EXTRA_ARGS: '--fix --quiet' }), /check:lint -- --fix --quiet$/m);
});
