import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enumerateDevices } from '../../devices/device.ts';
import { toSliceDevice } from '../../devices/slice-device.ts';
import { CpuSet } from '../../cpuset/cpu-set.ts';
import { parseSynthetic } from '../../topology/synthetic.ts';
import type { Issue } from './manifest.ts';
import { DEVICE_MODES } from './sample-devices.ts';
import type { GivenSettings } from './settings.ts';
import { check, findIssues } from './testing/check.ts';
import { claimOf, exactly } from './testing/manifests.ts';

const CPU = 'device.attributes["dra.cpu"]';
const individual: GivenSettings = { cpuDeviceMode: 'individual' };

/** The issues of a claim whose request has a selector. */
function select(expression: string, settings: GivenSettings = {}): readonly Issue[] {
  return findIssues([claimOf({ requests: [exactly({ selectors: [{ cel: { expression } }] })] })], settings);
}

const settingsOf = (mode: (typeof DEVICE_MODES)[number]): GivenSettings =>
  mode.kind === 'individual' ? individual : { cpuDeviceMode: 'grouped', groupBy: mode.groupBy };

/** Every attribute that the driver publishes in any mode. */
function listAttributes(): readonly string[] {
  const topology = parseSynthetic('pack:2 numa:1 l3:2 core:2 pu:2');
  const devices = DEVICE_MODES.flatMap((mode) => enumerateDevices(topology, mode, CpuSet.empty).devices);
  return [
    ...new Set(
      devices.flatMap((device) => Object.keys(toSliceDevice(device, topology, { exposePcieRoots: false }).attributes)),
    ),
  ];
}

for (const mode of DEVICE_MODES) {
  const settings = settingsOf(mode);
  test(`validateManifests accepts with ${JSON.stringify(settings)} exactly the attributes that its devices have`, () => {
    const topology = parseSynthetic('pack:1 numa:1 l3:1 core:2 pu:1');
    const [device] = enumerateDevices(topology, mode, CpuSet.empty).devices;
    assert.ok(device);
    const published = toSliceDevice(device, topology, { exposePcieRoots: false }).attributes;
    const attributes = listAttributes();
    assert.ok(attributes.length > 9, attributes.join());
    for (const fullName of attributes) {
      const [domain, name] = fullName.split('/');
      const issues = select(`device.attributes["${domain}"].${name} != 77`, settings);
      const isPublished = published[fullName] !== undefined;
      assert.equal(issues.length, isPublished ? 0 : 1, `${fullName}: ${issues[0]?.want}`);
      if (!isPublished) assert.equal(issues[0]?.severity, 'error');
    }
  });
}

test('validateManifests reports coreType in grouped mode and says which mode has it', () => {
  const [issue] = select(`${CPU}.coreType == "p-core"`);
  assert.equal(issue?.severity, 'error');
  assert.equal(
    issue?.want,
    'an attribute of devices with cpuDeviceMode grouped, groupBy numanode: numaNodeID, socketID, smtEnabled, numCPUs',
  );
  assert.match(issue?.remedy ?? '', /^no device has "coreType", so no device can be allocated; .*individual$/);
  assert.deepEqual(select(`${CPU}.coreType == "p-core"`, individual), []);
});

test('validateManifests warns of a test for an attribute that no device of the mode has', () => {
  for (const expression of [
    `has(${CPU}.coreType) && ${CPU}.coreType == "p-core"`,
    `"coreType" in ${CPU}`,
    `${CPU}.?coreType.orValue("x") == "x"`,
  ]) {
    const issues = select(expression);
    assert.deepEqual(
      issues.map(({ severity }) => severity),
      ['warning'],
      expression,
    );
    assert.match(issues[0]?.remedy ?? '', /the test for it never holds/);
  }
});

test('validateManifests leaves tests for attributes of other drivers alone', () => {
  assert.deepEqual(select('has(device.attributes["gpu.example.com"].model)'), []);
  const [issue] = select('device.attributes["gpu.example.com"].model == "x"');
  assert.match(issue?.remedy ?? '', /no device has "model"/);
});

const compileErrors = [
  `${CPU}.numaNodeID ==`,
  'device.',
  'device.nope == 1',
  '1 + 1',
  'device.driver',
  'numaNodeID == 0',
  `${CPU}.numaNodeID = 0`,
];

for (const expression of compileErrors) {
  test(`validateManifests reports that ${expression} does not compile`, () => {
    const [issue, ...others] = select(expression);
    assert.deepEqual(others, []);
    assert.equal(issue?.severity, 'error');
    assert.equal(issue?.field, 'spec.devices.requests[0].exactly.selectors[0].cel.expression');
    assert.equal(issue?.want, 'a CEL expression that compiles');
    assert.match(issue?.remedy ?? '', /^correct it: ./);
  });
}

test('validateManifests compiles the selectors of requests of other drivers, of alternatives, templates and classes', () => {
  const selectors = [{ cel: { expression: 'device.' } }];
  const other = { name: 'g', exactly: { deviceClassName: 'gpu.example.com', selectors } };
  const either = { name: 'a', firstAvailable: [{ name: 'b', deviceClassName: 'dra.cpu', selectors }] };
  assert.deepEqual(check([claimOf({ requests: [other, either] })]), [
    'error spec.devices.requests[0].exactly.selectors[0].cel.expression: a CEL expression that compiles',
    'error spec.devices.requests[1].firstAvailable[0].selectors[0].cel.expression: a CEL expression that compiles',
  ]);
  const named = { apiVersion: 'resource.k8s.io/v1', metadata: { name: 'x' } };
  const template = { ...named, kind: 'ResourceClaimTemplate', spec: { spec: { devices: { requests: [other] } } } };
  assert.match(check([template]).join(), /^error spec\.spec\.devices\.requests\[0\].*that compiles$/);
  const deviceClass = { ...named, kind: 'DeviceClass', spec: { selectors } };
  assert.deepEqual(check([deviceClass]), ['error spec.selectors[0].cel.expression: a CEL expression that compiles']);
  const beta = { ...named, apiVersion: 'resource.k8s.io/v1beta1', kind: 'ResourceClaim' };
  const flat = { name: 'r', deviceClassName: 'dra.cpu', selectors };
  assert.deepEqual(check([{ ...beta, spec: { devices: { requests: [flat] } } }]), [
    'error spec.devices.requests[0].selectors[0].cel.expression: a CEL expression that compiles',
  ]);
});

test('validateManifests reports an expression that fails on the devices of the mode', () => {
  for (const expression of [`cel.bind(c, ${CPU}, c.coreType == "p-core")`, `${CPU}.numaNodeID.contains("0")`]) {
    const [issue] = select(expression);
    assert.equal(issue?.severity, 'error', expression);
    assert.match(issue?.want ?? '', /^an expression that can be evaluated on devices with cpuDeviceMode grouped/);
  }
});

test('validateManifests tries a request out only on devices that its class selects', () => {
  const deviceClass = {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'DeviceClass',
    metadata: { name: 'none' },
    spec: { selectors: [{ cel: { expression: 'device.driver == "dra.cpu" && false' } }] },
  };
  const bind = `cel.bind(c, ${CPU}, c.coreType == "p-core")`;
  const request = exactly({ deviceClassName: 'none', selectors: [{ cel: { expression: bind } }] });
  assert.deepEqual(check([deviceClass, claimOf({ requests: [request] })]), []);
});

test('validateManifests reports capacities that devices of the mode do not have', () => {
  const capacity = { capacity: { requests: { 'dra.cpu/cpu': '4' } } };
  const claim = claimOf({ requests: [exactly(capacity)] });
  assert.deepEqual(check([claim]), []);
  assert.match(
    check([claim], individual).join(),
    /^error .*\["dra\.cpu\/cpu"\]: no capacity: devices with cpuDeviceMode individual/,
  );
  const [issue] = select('device.capacity["dra.cpu"].cpu.compareTo(quantity("4")) >= 0', individual);
  assert.match(issue?.want ?? '', /^a capacity of devices with cpuDeviceMode individual/);
  assert.deepEqual(select('device.capacity["dra.cpu"].cpu.compareTo(quantity("4")) >= 0'), []);
});

test('validateManifests reports constraints on attributes that the devices do not have', () => {
  const requests = [exactly({ count: 2 }), { name: 'nic', exactly: { deviceClassName: 'nic.example.com' } }];
  const constrain = (constraint: object, settings: GivenSettings = {}) =>
    check([claimOf({ requests, constraints: [constraint] })], settings);
  assert.match(
    constrain({ matchAttribute: 'dra.cpu/coreType' }).join(),
    /^error .*matchAttribute: an attribute of devices/,
  );
  assert.match(
    constrain({ distinctAttribute: 'dra.cpu/coreID' }).join(),
    /^error .*distinctAttribute: an attribute of/,
  );
  assert.deepEqual(constrain({ distinctAttribute: 'dra.cpu/coreID' }, individual), []);
  assert.deepEqual(constrain({ matchAttribute: 'resource.kubernetes.io/numaNode' }), []);
  assert.deepEqual(constrain({ requests: ['nic'], matchAttribute: 'nic.example.com/port' }), []);
  assert.match(
    constrain({ requests: ['cpus', 'nic'], matchAttribute: 'resource.kubernetes.io/pcieRoot' }).join(),
    /^note .*: a driver that runs with exposePCIeRoots: true$/,
  );
});
