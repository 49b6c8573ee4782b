/**
 * Takes every ResourceClaim of the pages on devices and opaque parameters through the simulated scheduler, over the devices that
 * the program publishes, and through the driver's choice: it must get the CPUs that the page says.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { describeExampleMachine, enumerateExampleDevices } from '../../hack/reference-devices.ts';
import { chooseCpus } from '../../src/claims/choose-cpus.ts';
import { parseClaim } from '../../src/claims/claim.ts';
import { parseOpaqueParameters } from '../../src/claims/opaque-parameters.ts';
import type { DeviceMode } from '../../src/devices/device.ts';
import { toSliceDevice } from '../../src/devices/slice-device.ts';
import type { DeviceClass, DeviceRequest } from '../../src/resource-api/objects.ts';
import { allocateClaims } from '../../src/resource-api/allocation/allocate.ts';
import { problemOf } from '../../src/resource-api/allocation/testing/problems.ts';

interface ClaimDocument {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly devices?: Parameters<typeof problemOf>[2] & { requests: DeviceRequest[]; config?: unknown[] };
    readonly config?: { opaque: { parameters: unknown } }[];
  };
}

/** The node that "With `key: value` and ..., this claim gets" speaks of. */
function readNode(sentence: string): ReturnType<typeof enumerateExampleDevices> {
  const settings = new Map([...sentence.matchAll(/`(\w+): (\w+)`/g)].map(([, key = '', value = '']) => [key, value]));
  const groupBy = (settings.get('groupBy') ?? 'numanode') as (DeviceMode & { kind: 'grouped' })['groupBy'];
  const mode: DeviceMode =
    settings.get('cpuDeviceMode') === 'individual' ? { kind: 'individual' } : { kind: 'grouped', groupBy };
  return enumerateExampleDevices(mode, {
    fullPhysicalCores: settings.get('fullPhysicalCores') === 'true',
    machinePlacement: settings.get('machinePlacement') === 'auto' ? 'auto' : 'explicit',
  });
}

/** The class as the chart has it. */
const CLASS = { spec: { selectors: [{ cel: { expression: 'device.driver == "dra.cpu"' } }] } } as DeviceClass;

function placeClaim({ metadata, spec }: ClaimDocument, sentence: string): string {
  const topology = describeExampleMachine();
  const devices = readNode(sentence);
  const published = devices.devices.map((device) => toSliceDevice(device, topology, { exposePcieRoots: true }));
  const problem = problemOf(published, spec.devices?.requests ?? []);
  const claims = [{ name: metadata.name, spec: spec as (typeof problem.claims)[0]['spec'] }];
  const outcome = allocateClaims({ ...problem, claims, classes: new Map([['dra.cpu', CLASS]]) });
  if (outcome.kind === 'refused') return outcome.reason;
  const object = { metadata: { uid: 'u1' }, status: { allocation: outcome.allocations[0] } };
  const claim = parseClaim(object, { uid: 'u1', namespace: 'default', name: metadata.name }, 'dra.cpu');
  const { allocatable: free } = devices;
  return chooseCpus(claim, { topology, devices, pool: 'n1', free, describeHolders: () => 'nobody' }).cpus.toString();
}

for (const [page, atLeast] of [
  ['docs/reference/opaque-parameters.md', 4],
  ['docs/reference/attributes.md', 5],
] as const) {
  describe(page, () => {
    const text = readFileSync(page, 'utf8');
    const examples = [...text.matchAll(/```yaml\n(apiVersion.*?)```\n+([^\n]*(?:\n[^\n]+)*)/gs)].map(
      ([, yaml = '', next = '']) => ({ document: parse(yaml) as ClaimDocument, next: next.replaceAll('\n', ' ') }),
    );
    const claims = examples.filter(({ document }) => document.kind === 'ResourceClaim');

    test('has examples', () => assert.ok(claims.length >= atLeast, `${claims.length}`));

    for (const { document, next } of claims) {
      test(`claim ${document.metadata.name} gets what the page says`, () => {
        const [, wanted] = /this claim gets CPUs `([^`]+)`/.exec(next) ?? [];
        assert.equal(placeClaim(document, next), wanted, next);
      });
    }

    for (const { document } of examples.filter(({ document: { kind } }) => kind === 'DeviceClass')) {
      test(`class ${document.metadata.name} has parameters that are read`, () => {
        for (const { opaque } of document.spec.config ?? []) parseOpaqueParameters(opaque.parameters);
      });
    }
  });
}
