import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { generateReference } from '../../hack/generate-reference.ts';
import { ConfigError } from './config-error.ts';
import { describeConfigSchema } from './json-schema.ts';
import { parseConfig } from './parse-config.ts';

const readText = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

for (const [path, text] of generateReference(readText)) {
  test(`generateReference finds ${path} up to date`, () => {
    assert.equal(readText(path), text, `run: node hack/generate-reference.ts`);
  });
}

/** Starts with a file; the error's text, or "" when there is none. */
async function readFileExample(text: string): Promise<string> {
  const sources = { argv: ['--config=config.yaml'], env: {}, hostname: 'a', readFile: async () => text };
  const error = await parseConfig(sources).catch((error: unknown) => error);
  return error instanceof ConfigError ? `${error.message}\n` : '';
}

test('parseConfig answers as docs/reference/configuration.md shows', async () => {
  const page = readText('docs/reference/configuration.md');
  const [, good] = page.match(/```yaml\n(.*?)```/s) ?? [];
  assert.equal(await readFileExample(good ?? '!'), '');
  const [, bad, answer] = page.match(/\$ cat config\.yaml\n(.*?)\$ dracpu --config=config\.yaml\n(.*?)```/s) ?? [];
  assert.equal(await readFileExample(bad ?? ''), answer);
});

test('describeConfigSchema has the keys of the reference and nothing the chart sets elsewhere', () => {
  const { properties, additionalProperties } = describeConfigSchema();
  assert.deepEqual(Object.keys(properties), [
    'apiVersion',
    'kubeconfig',
    'hostnameOverride',
    'cpuDeviceMode',
    'groupBy',
    'reservedCPUs',
    'sysfsOverlay',
    'publishNodeAllocatableResourceMapping',
    'machinePlacement',
    'fullPhysicalCores',
    'sharedPoolMinCPUs',
    'claimSharing',
    'unsolicitedUpdates',
    'startJitterSeconds',
    'logFormat',
  ]);
  assert.equal(additionalProperties, false);
  assert.deepEqual(properties.apiVersion?.enum, ['v1alpha1']);
  assert.deepEqual(properties.cpuDeviceMode?.enum, ['grouped', 'individual']);
  assert.deepEqual(properties.groupBy?.enum, ['numanode', 'socket', 'machine', 'l3cache']);
  assert.equal(properties.publishNodeAllocatableResourceMapping?.type, 'boolean');
  assert.equal(properties.publishNodeAllocatableResourceMapping.default, false);
});
