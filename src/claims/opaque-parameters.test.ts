import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PLACEMENT_POLICIES } from '../placement/take-cpus.ts';
import { describeParametersSchema, OpaqueParametersError, parseOpaqueParameters } from './opaque-parameters.ts';

const parse = (cpuConfig: unknown) => parseOpaqueParameters({ apiVersion: 'v1alpha1', cpuConfig });

test('parseOpaqueParameters reads every key', () => {
  const { cpuset, ...others } = parse({ cpuset: '2-5', fullPhysicalCores: true, memoryNodes: 'any' });
  assert.deepEqual([cpuset?.toString(), others], ['2-5', { fullPhysicalCores: true, memoryNodes: 'any' }]);
  const chosen = {
    placement: 'distributed',
    fullPhysicalCores: false,
    coreType: 'p-core',
    isolated: 'prefer',
    groupSize: 2,
    numaNodes: 4,
    nearPCIeRoots: ['pci0000:00', 'pci10000:a1'],
    memoryNodes: 'local',
    sharedCPUs: true,
  };
  assert.deepEqual(parse(chosen), chosen);
  for (const placement of PLACEMENT_POLICIES) assert.deepEqual(parse({ placement }), { placement });
  assert.deepEqual(parse({}), {});
});

for (const [json, message] of [
  [undefined, 'parameters is missing; want an object'],
  ['x', 'parameters is "x"; want an object'],
  [{ cpuConfig: {} }, 'apiVersion is missing; want "v1alpha1"'],
  [{ apiVersion: 'v1', cpuConfig: {} }, 'apiVersion is "v1"; want "v1alpha1"'],
  [{ apiVersion: 'v1alpha1' }, 'cpuConfig is missing; want an object'],
  [{ apiVersion: 'v1alpha1', cpuconfig: {} }, 'parameters has the unknown key "cpuconfig"; did you mean "cpuConfig"?'],
  [{ apiVersion: 'v1alpha1', cpuConfig: [] }, 'cpuConfig is []; want an object'],
] as const) {
  test(`parseOpaqueParameters refuses ${JSON.stringify(json)}`, () => {
    assert.throws(() => parseOpaqueParameters(json), { name: 'OpaqueParametersError', message });
  });
}

for (const [cpuConfig, message] of [
  [{ cpuSet: '1' }, 'cpuConfig has the unknown key "cpuSet"; did you mean "cpuset"?'],
  [
    { xyz: 1 },
    'cpuConfig has the unknown key "xyz"; want one of cpuset, placement, fullPhysicalCores, coreType, isolated, groupSize, ' +
      'numaNodes, nearPCIeRoots, singleSocket, avoidSharing, memoryNodes, sharedCPUs',
  ],
  [{ cpuset: '' }, 'cpuConfig.cpuset is ""; want a Linux CPU list of one CPU or more such as "2-5" or "0,4-6"'],
  [{ cpuset: 4 }, 'cpuConfig.cpuset is 4; want a Linux CPU list of one CPU or more such as "2-5" or "0,4-6"'],
  [{ cpuset: '1\n' }, 'cpuConfig.cpuset is "1\\n"; want a Linux CPU list of one CPU or more such as "2-5" or "0,4-6"'],
  [
    { placement: 'paked' },
    'cpuConfig.placement is "paked"; want one of "packed", "packed-no-l3", "spread", "distributed", "full-cores", ' +
      '"one-thread-per-core", "single-l3", "single-numa-node", "single-socket"; did you mean "packed"?',
  ],
  [{ placement: null }, /^cpuConfig.placement is null; want one of /],
  [{ fullPhysicalCores: 'yes' }, 'cpuConfig.fullPhysicalCores is "yes"; want true or false'],
  [{ coreType: 'big' }, 'cpuConfig.coreType is "big"; want one of "standard", "p-core", "e-core"'],
  [{ memoryNodes: 'locale' }, 'cpuConfig.memoryNodes is "locale"; want one of "any", "local"; did you mean "local"?'],
  [{ memoryNodes: [0] }, 'cpuConfig.memoryNodes is [0]; want one of "any", "local"'],
  [{ sharedCPUs: 2 }, 'cpuConfig.sharedCPUs is 2; want true or false'],
  [{ sharedCpus: true }, 'cpuConfig has the unknown key "sharedCpus"; did you mean "sharedCPUs"?'],
  [{ isolated: true }, 'cpuConfig.isolated is true; want one of "prefer", "require"'],
  [{ placement: 'distributed', groupSize: 0 }, 'cpuConfig.groupSize is 0; want a whole number from 1 to 8192'],
  [{ placement: 'distributed', numaNodes: '2' }, 'cpuConfig.numaNodes is "2"; want a whole number from 1 to 8192'],
  [{ nearPCIeRoots: 'pci0000:00' }, /^cpuConfig.nearPCIeRoots is "pci0000:00"; want a list of PCIe roots/],
  [{ nearPCIeRoots: ['0000:00'] }, /^cpuConfig.nearPCIeRoots is \["0000:00"\]; want a list of PCIe roots/],
  [
    { cpuset: '1', coreType: 'p-core' },
    'cpuConfig has both cpuset and coreType; a list of CPUs leaves nothing to choose',
  ],
  [{ singleSocket: 'yes' }, 'cpuConfig.singleSocket is "yes"; want true or false'],
  [{ avoidSharing: 'l1' }, 'cpuConfig.avoidSharing is "l1"; want one of "l2", "l3", "core"; did you mean "l2"?'],
  [{ avoidSharing: true }, 'cpuConfig.avoidSharing is true; want one of "l2", "l3", "core"'],
  [
    { cpuset: '1', avoidSharing: 'l2' },
    'cpuConfig has both cpuset and avoidSharing; a list of CPUs leaves nothing to choose',
  ],
  [{ groupSize: 2 }, 'cpuConfig.groupSize goes with placement "distributed" only; the placement is "packed"'],
  [
    { numaNodes: 2, placement: 'spread' },
    'cpuConfig.numaNodes goes with placement "distributed" only; the placement is "spread"',
  ],
  [
    { fullPhysicalCores: true, placement: 'one-thread-per-core' },
    'cpuConfig.fullPhysicalCores is true and placement "one-thread-per-core", which leaves threads of cores free',
  ],
  [
    { fullPhysicalCores: false, placement: 'full-cores' },
    'cpuConfig.fullPhysicalCores is false and placement "full-cores"; remove one',
  ],
] as const) {
  test(`parseOpaqueParameters refuses cpuConfig ${JSON.stringify(cpuConfig)}`, () => {
    assert.throws(() => parse(cpuConfig), { name: 'OpaqueParametersError', message });
  });
}

test('parseOpaqueParameters takes any JSON or says what is wrong with it', () => {
  const keys = Object.keys(schemaOfConfig());
  const configs = fc.dictionary(fc.constantFrom(...keys), fc.jsonValue());
  fc.assert(
    fc.property(
      fc.oneof(
        fc.jsonValue(),
        configs.map((cpuConfig) => ({ apiVersion: 'v1alpha1', cpuConfig })),
      ),
      (json) => {
        try {
          parseOpaqueParameters(json);
        } catch (error) {
          assert.ok(error instanceof OpaqueParametersError, String(error));
        }
      },
    ),
  );
});

function schemaOfConfig(): Record<string, unknown> {
  const { properties } = describeParametersSchema() as unknown as {
    properties: { cpuConfig: { properties: Record<string, unknown> } };
  };
  return properties.cpuConfig.properties;
}

test('describeParametersSchema describes every key', () => {
  assert.deepEqual(Object.keys(schemaOfConfig()), [
    'cpuset',
    'placement',
    'fullPhysicalCores',
    'coreType',
    'isolated',
    'groupSize',
    'numaNodes',
    'nearPCIeRoots',
    'singleSocket',
    'avoidSharing',
    'memoryNodes',
    'sharedCPUs',
  ]);
});

test('parseOpaqueParameters refuses what is too large or too deep, with a short text (issue 13, line 18)', () => {
  let deep: unknown = {};
  for (let level = 0; level < 100_000; level += 1) deep = level % 2 === 0 ? [deep] : { deep };
  const text = 'x'.repeat(1 << 20);
  const wide = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key${index}`, index]));
  const apiVersion = 'v1alpha1';
  for (const json of [
    text,
    deep,
    wide,
    { apiVersion: text },
    { apiVersion, cpuConfig: text },
    { apiVersion, cpuConfig: { [text]: 1 } },
    { apiVersion, cpuConfig: { placement: text } },
    { apiVersion, cpuConfig: { placement: deep } },
    { apiVersion, cpuConfig: { cpuset: '0-1,'.repeat(10_000) } },
    { apiVersion, cpuConfig: { nearPCIeRoots: [text] } },
    { apiVersion, cpuConfig: wide },
    // Within the API server's limit: still no message is as long.
    { apiVersion, cpuConfig: { placement: 'x'.repeat(9_000) } },
    { apiVersion, cpuConfig: { cpuset: '0-1,'.repeat(2_000) } },
    { apiVersion, cpuConfig: { ['y'.repeat(9_000)]: 1 } },
  ]) {
    const startedMs = performance.now();
    assert.throws(
      () => parseOpaqueParameters(json),
      (error: unknown) => error instanceof OpaqueParametersError && error.message.length < 1_000,
    );
    assert.ok(performance.now() - startedMs < 1_000);
  }
});
