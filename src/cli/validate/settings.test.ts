import assert from 'node:assert/strict';
import { test } from 'node:test';
import { options } from '../../config/options.ts';
import { joinSettings, readSettingsLine } from './settings.ts';
import { findIssues } from './testing/check.ts';
import { claimOf, exactly } from './testing/manifests.ts';

test('joinSettings falls back to the defaults of the driver', () => {
  const { deviceMode, claimSharing, nodeAllocatableMapping } = joinSettings({}, {});
  assert.deepEqual(deviceMode, { kind: options.cpuDeviceMode.default, groupBy: options.groupBy.default });
  assert.deepEqual([claimSharing, nodeAllocatableMapping], ['none', false]);
});

test('joinSettings takes the command line before the file', () => {
  const file = { cpuDeviceMode: 'individual', claimSharing: 'pod', nodeAllocatableMapping: true } as const;
  assert.deepEqual(joinSettings({}, file).deviceMode, { kind: 'individual' });
  const { deviceMode, claimSharing } = joinSettings({ cpuDeviceMode: 'grouped', groupBy: 'socket' }, file);
  assert.deepEqual([deviceMode, claimSharing], [{ kind: 'grouped', groupBy: 'socket' }, 'pod']);
});

test('readSettingsLine reads the options of a comment wherever it stands', () => {
  const text =
    '# An example.\n#\n#  dracpu validate: --cpu-device-mode individual --node-allocatable-mapping \nkind: Pod\n';
  const settings = { cpuDeviceMode: 'individual', nodeAllocatableMapping: true };
  assert.deepEqual(readSettingsLine(text), { kind: 'settings', settings });
  for (const none of ['', 'kind: Pod\n', 'a: "# dracpu validate: --nope"\n']) {
    assert.deepEqual(readSettingsLine(none), { kind: 'settings', settings: {} });
  }
});

for (const words of ['--nope', '--group-by rack', '--cpu-device-mode', 'individual', '-f other.yaml']) {
  test(`validateManifests reports "# dracpu validate: ${words}" with its place`, () => {
    const [issue, ...others] = findIssues([`kind: ConfigMap\n# dracpu validate: ${words}\n`]);
    assert.deepEqual(others, []);
    assert.deepEqual([issue?.severity, issue?.line, issue?.column], ['error', 2, 1]);
    assert.match(issue?.remedy ?? '', /option|argument/);
  });
}

test('validateManifests checks each file by its own settings', () => {
  const expression = 'device.attributes["dra.cpu"].coreType == "p-core"';
  const claim = claimOf({ requests: [exactly({ selectors: [{ cel: { expression } }] })] });
  assert.equal(findIssues([claim]).length, 1);
  assert.deepEqual(findIssues([`# dracpu validate: --cpu-device-mode individual\n${claim}`]), []);
  assert.equal(
    findIssues([`# dracpu validate: --cpu-device-mode individual\n${claim}`], { cpuDeviceMode: 'grouped' }).length,
    1,
  );
});
