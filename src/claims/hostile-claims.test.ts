import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { enumerateDevices } from '../devices/device.ts';
import { chooseCpus } from './choose-cpus.ts';
import { parseClaim } from './claim.ts';
import { ClaimError } from './claim-error.ts';
import { allocatedClaim, smtMachine } from './testing/fixtures.ts';

const MIB = 1 << 20;
/** What a message of this room says at most; a claim's name may take 317 characters of it. */
const MESSAGE_LENGTH_MAX = 2_000;

const topology = smtMachine({ nodes: 2, cores: 4 });
const devices = enumerateDevices(topology, { kind: 'grouped', groupBy: 'numanode' }, CpuSet.empty);

/** A claim as the API server shows it, with a configuration of ours. */
function exampleClaim(): Record<string, unknown> {
  const json = allocatedClaim('u1', [{ device: 'cpudevnuma000', cpus: '4', shareID: 's' }]);
  const { allocation } = json['status'] as { allocation: { devices: Record<string, unknown> } };
  const parameters = { apiVersion: 'v1alpha1', cpuConfig: { placement: 'packed', nearPCIeRoots: ['pci0000:00'] } };
  const opaque = { driver: 'dra.cpu', parameters };
  allocation.devices['config'] = [{ source: 'FromClaim', requests: ['cpus'], opaque }];
  return json;
}

/** The paths to all values within a value, the value itself not among them. */
function listPaths(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [[...path, key], ...listPaths(item, [...path, key])]);
}

function replaceAt(json: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let place = json;
  for (const key of path.slice(0, -1)) place = place[key] as Record<string, unknown>;
  place[path.at(-1) ?? ''] = value;
}

function deepValue(): unknown {
  let deep: unknown = 'end';
  for (let level = 0; level < 50_000; level += 1) deep = level % 2 === 0 ? [deep] : { deep };
  return deep;
}

const hostile: Record<string, unknown> = {
  'a text of a megabyte': 'x'.repeat(MIB),
  'a number of a megabyte': '9'.repeat(MIB),
  'a list of a hundred thousand': Array.from({ length: 100_000 }, (_, index) => ({ driver: 'dra.cpu', index })),
  'a map of a hundred thousand': Object.fromEntries(
    Array.from({ length: 100_000 }, (_, index) => [`k${index}`, index]),
  ),
  'fifty thousand levels': deepValue(),
  'a list of long texts': Array.from({ length: 100 }, () => 'y'.repeat(10_000)),
};

for (const [name, value] of Object.entries(hostile)) {
  test(`A claim with ${name} in any field is decided or refused soon, and in a short text (issue 13, line 18)`, () => {
    for (const path of listPaths(exampleClaim())) {
      const json = exampleClaim();
      replaceAt(json, path, value);
      const startedMs = performance.now();
      try {
        const claim = parseClaim(json, { uid: 'u1', namespace: 'default', name: 'claim-u1' }, 'dra.cpu');
        chooseCpus(claim, { topology, devices, pool: 'node-a', free: devices.allocatable, describeHolders: () => '' });
      } catch (error) {
        assert.ok(error instanceof ClaimError, `${path.join('.')}: ${String(error).slice(0, 500)}`);
        assert.ok(error.message.length < MESSAGE_LENGTH_MAX, `${path.join('.')}: ${error.message.length} characters`);
      }
      assert.ok(performance.now() - startedMs < 2_000, `${path.join('.')}: ${performance.now() - startedMs} ms`);
    }
  });
}
