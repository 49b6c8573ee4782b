import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FieldType } from '../../resource-api/schema/field-type.ts';
import { SCHEMAS, VERSIONS_OF_KIND } from '../../resource-api/schema/kinds.ts';
import type { Schema } from '../../resource-api/schema/schema.ts';
import { checkFields } from './fields.ts';
import { type Issue, readManifests } from './manifest.ts';
import { claimOf } from './testing/manifests.ts';

/** The issues that the fields of objects have. */
function findFieldIssues(object: unknown): readonly Issue[] {
  const { manifests } = readManifests({ file: 'f.yaml', text: JSON.stringify(object) }, {});
  return manifests.flatMap((manifest) => checkFields(manifest).issues);
}

const SAMPLES = {
  string: 'x',
  time: '2026-01-31T12:00:00Z',
  integer: 1,
  number: 1.5,
  boolean: true,
  quantity: '1',
  intOrString: 1,
  any: {},
};

/** A value of a type with every field that it can have. */
function fill(type: FieldType, schema: Schema): unknown {
  switch (type.kind) {
    case 'primitive':
      return SAMPLES[type.of];
    case 'list':
      return [fill(type.items, schema)];
    case 'map':
      return { k: fill(type.values, schema) };
    case 'object':
      return Object.fromEntries([...(schema.get(type.type) ?? [])].map(([name, field]) => [name, fill(field, schema)]));
  }
}

/** An object of a kind with every field of it. */
function fillKind(kind: string, apiVersion: string): Record<string, unknown> {
  const schema = SCHEMAS.get(apiVersion);
  assert.ok(schema);
  return { ...(fill({ kind: 'object', type: kind }, schema) as object), apiVersion, kind };
}

/** The paths of every object of a typed value, and a stranger in each. */
function plantStrangers(value: unknown, type: FieldType, schema: Schema, path = ''): string[] {
  if (type.kind === 'list') return plantStrangers((value as unknown[])[0], type.items, schema, `${path}[0]`);
  if (type.kind === 'map') return plantStrangers((value as { k: unknown }).k, type.values, schema, `${path}.k`);
  if (type.kind !== 'object') return [];
  const object = value as Record<string, unknown>;
  const below = [...(schema.get(type.type) ?? [])].flatMap(([name, field]) =>
    plantStrangers(object[name], field, schema, path === '' ? name : `${path}.${name}`),
  );
  object['zzzzzzzzzzzz'] = 1;
  return [...below, path === '' ? 'zzzzzzzzzzzz' : `${path}.zzzzzzzzzzzz`];
}

for (const [kind, versions] of VERSIONS_OF_KIND) {
  for (const apiVersion of versions) {
    test(`checkFields accepts every field of ${kind} ${apiVersion} and reports an unknown one wherever it stands`, () => {
      const object = fillKind(kind, apiVersion);
      assert.deepEqual(findFieldIssues(object), []);
      const schema = SCHEMAS.get(apiVersion);
      assert.ok(schema);
      const planted = plantStrangers(object, { kind: 'object', type: kind }, schema);
      assert.ok(planted.length > 5, `${planted.length} places`);
      const issues = findFieldIssues(object);
      assert.deepEqual(issues.map(({ field }) => field).sort(), planted.sort());
      for (const { severity, want } of issues) {
        assert.equal(severity, 'error');
        assert.match(want, /^a field of [A-Z]\w+/);
      }
    });
  }
}

/** A name with its middle letter left out, as people mistype. */
const misspell = (name: string) =>
  name.slice(0, Math.floor(name.length / 2)) + name.slice(Math.floor(name.length / 2) + 1);

/** The first object of a type within a value. */
function findHolder(
  value: unknown,
  type: FieldType,
  search: { readonly schema: Schema; readonly wanted: string },
): Record<string, unknown> | undefined {
  if (type.kind === 'list') return findHolder((value as unknown[])[0], type.items, search);
  if (type.kind === 'map') return findHolder((value as { k: unknown }).k, type.values, search);
  if (type.kind !== 'object') return undefined;
  const object = value as Record<string, unknown>;
  if (type.type === search.wanted) return object;
  for (const [name, field] of search.schema.get(type.type) ?? []) {
    const found = findHolder(object[name], field, search);
    if (found) return found;
  }
  return undefined;
}

/** Shorter names have no near ones. */
const NAME_LENGTH_MIN = 4;

for (const apiVersion of VERSIONS_OF_KIND.get('ResourceClaim') ?? []) {
  test(`checkFields suggests the right name for every misspelt field of a claim of ${apiVersion}`, () => {
    const schema = SCHEMAS.get(apiVersion);
    assert.ok(schema);
    let tried = 0;
    for (const [wanted, fields] of schema) {
      for (const name of fields.keys()) {
        const object = fillKind('ResourceClaim', apiVersion);
        const holder = findHolder(object, { kind: 'object', type: 'ResourceClaim' }, { schema, wanted });
        // Types of other kinds are not in a claim.
        if (!holder || name.length < NAME_LENGTH_MIN) continue;
        holder[misspell(name)] = 1;
        const [{ remedy } = { remedy: '' }] = findFieldIssues(object);
        assert.ok(remedy.includes(`did you mean ${JSON.stringify(name)}?`), `${wanted}.${misspell(name)}: ${remedy}`);
        tried += 1;
      }
    }
    assert.ok(tried > 80, `${tried} names`);
  });
}

test('checkFields suggests "capacity" for "capasity", also where the request has the form of another version', () => {
  const capasity = { requests: { 'dra.cpu/cpu': '4' } };
  const [inExactly] = findFieldIssues(JSON.parse(claimOf({ requests: [{ name: 'r', exactly: { capasity } }] })));
  assert.match(inExactly?.remedy ?? '', /did you mean "capacity"\?$/);
  const [beside] = findFieldIssues(JSON.parse(claimOf({ requests: [{ name: 'r', capasity }] })));
  assert.match(beside?.remedy ?? '', /did you mean "capacity"\? this is the form of resource\.k8s\.io\/v1beta1/);
});

const flat = { name: 'r', deviceClassName: 'dra.cpu', count: 2 };
const deep = { name: 'r', exactly: { deviceClassName: 'dra.cpu', count: 2 } };
const alternatives = { name: 'r', firstAvailable: [{ name: 'a', deviceClassName: 'dra.cpu' }] };

/** A claim or a template of a version. */
function claimIn(apiVersion: string, kind: string, request: object): object {
  const spec = { devices: { requests: [request] } };
  return { apiVersion, kind, metadata: { name: 'c' }, spec: kind === 'ResourceClaim' ? spec : { spec } };
}

const forms: [apiVersion: string, request: object, fields: string[], form: string][] = [
  ['resource.k8s.io/v1', deep, [], ''],
  ['resource.k8s.io/v1', alternatives, [], ''],
  ['resource.k8s.io/v1', flat, ['deviceClassName', 'count'], 'resource.k8s.io/v1beta1'],
  ['resource.k8s.io/v1beta2', deep, [], ''],
  ['resource.k8s.io/v1beta2', alternatives, [], ''],
  ['resource.k8s.io/v1beta2', flat, ['deviceClassName', 'count'], 'resource.k8s.io/v1beta1'],
  ['resource.k8s.io/v1beta1', flat, [], ''],
  ['resource.k8s.io/v1beta1', alternatives, [], ''],
  ['resource.k8s.io/v1beta1', deep, ['exactly'], 'resource.k8s.io/v1'],
];

for (const [apiVersion, request, fields, form] of forms) {
  for (const kind of ['ResourceClaim', 'ResourceClaimTemplate']) {
    const verdict = fields.length === 0 ? 'accepts' : `reports the form of ${form} of`;
    test(`checkFields ${verdict} ${kind} ${apiVersion} with ${JSON.stringify(request)}`, () => {
      const issues = findFieldIssues(claimIn(apiVersion, kind, request));
      const at = kind === 'ResourceClaim' ? 'spec' : 'spec.spec';
      assert.deepEqual(
        issues.map(({ field }) => field),
        fields.map((field) => `${at}.devices.requests[0].${field}`),
      );
      for (const { remedy } of issues) assert.ok(remedy.startsWith(`this is the form of ${form}: `), remedy);
    });
  }
}

test('checkFields reports devices of a slice in the form of another version', () => {
  const slice = (apiVersion: string, device: object) => ({
    apiVersion,
    kind: 'ResourceSlice',
    metadata: { name: 's' },
    spec: {
      driver: 'dra.cpu',
      nodeName: 'n',
      pool: { name: 'n', generation: 1, resourceSliceCount: 1 },
      devices: [device],
    },
  });
  const flatDevice = { name: 'd', attributes: { a: { int: 1 } } };
  const basicDevice = { name: 'd', basic: { attributes: { a: { int: 1 } } } };
  assert.deepEqual(findFieldIssues(slice('resource.k8s.io/v1', flatDevice)), []);
  assert.deepEqual(findFieldIssues(slice('resource.k8s.io/v1beta1', basicDevice)), []);
  assert.match(findFieldIssues(slice('resource.k8s.io/v1', basicDevice))[0]?.remedy ?? '', /v1beta1: write its fields/);
  assert.match(
    findFieldIssues(slice('resource.k8s.io/v1beta1', flatDevice))[0]?.remedy ?? '',
    /v1: move it below "basic"/,
  );
});

const versions: [kind: string, apiVersion: string | undefined, want: RegExp, remedy: RegExp][] = [
  ['ResourceClaim', undefined, /^an apiVersion of ResourceClaim: "resource.k8s.io\/v1" or /, /^correct it$/],
  ['ResourceClaim', 'resource.k8s.io/v1alpha3', /^an apiVersion of ResourceClaim/, /did you mean/],
  ['ResourceClaim', 'v1', /^an apiVersion of ResourceClaim/, /^correct it/],
  ['Pod', 'core/v1', /^an apiVersion of Pod: "v1"/, /^correct it/],
  ['Deployment', 'extensions/v1beta1', /^an apiVersion of Deployment: "apps\/v1"/, /^correct it/],
  ['ResourceClam', 'resource.k8s.io/v1', /^a kind that resource.k8s.io\/v1 has$/, /"ResourceClaim"/],
  ['', 'v1', /^the kind of a Kubernetes object$/, /name it/],
];

for (const [kind, apiVersion, want, remedy] of versions) {
  test(`checkFields reports kind ${JSON.stringify(kind)} of apiVersion ${JSON.stringify(apiVersion)}`, () => {
    const object = { ...(apiVersion === undefined ? {} : { apiVersion }), kind, metadata: { name: 'x' } };
    const issues = findFieldIssues(object);
    assert.equal(issues.length, 1);
    assert.match(issues[0]?.want ?? '', want);
    assert.match(issues[0]?.remedy ?? '', remedy);
  });
}

test('checkFields leaves kinds alone that have nothing to do with claims', () => {
  for (const [apiVersion, kind] of [
    ['v1', 'ConfigMap'],
    ['v1', 'Service'],
    ['resource.k8s.io/v1beta2', 'DeviceTaintRule'],
    ['example.com/v1', 'CronTab'],
    ['policy/v1', 'PodDisruptionBudget'],
  ]) {
    assert.deepEqual(findFieldIssues({ apiVersion, kind, metadata: { name: 'x' }, anything: 1 }), [], kind);
  }
});

const wrongValues: [request: object, field: string, want: string, remedy: string][] = [
  [{ count: '2' }, 'count', 'a whole number', 'remove the quotes'],
  [{ count: 1.5 }, 'count', 'a whole number', 'correct it'],
  [{ adminAccess: 'true' }, 'adminAccess', 'true or false', 'remove the quotes'],
  [{ deviceClassName: 7 }, 'deviceClassName', 'a string', 'put it in quotes'],
  [{ allocationMode: true }, 'allocationMode', 'a string', 'put it in quotes'],
  [{ selectors: { cel: { expression: 'true' } } }, 'selectors', 'a list', 'begin its entries with "- "'],
  [{ capacity: [] }, 'capacity', 'an object', 'correct it'],
  [
    { capacity: { requests: { 'dra.cpu/cpu': true } } },
    'capacity.requests["dra.cpu/cpu"]',
    'a quantity such as "4" or "2Gi"',
    'correct it',
  ],
];

for (const [fields, field, want, remedy] of wrongValues) {
  test(`checkFields reports ${JSON.stringify(fields)} of a request: want ${want}`, () => {
    const issues = findFieldIssues(JSON.parse(claimOf({ requests: [{ name: 'r', exactly: fields }] })));
    assert.deepEqual(
      issues.map((issue) => [issue.field, issue.want, issue.remedy]),
      [[`spec.devices.requests[0].exactly.${field}`, want, remedy]],
    );
  });
}

test('checkFields names the line and column of a misspelt key, not of its value', () => {
  const text = 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  lables:\n    a: b\n';
  const { manifests } = readManifests({ file: 'f.yaml', text }, {});
  const [issue] = manifests.flatMap((manifest) => checkFields(manifest).issues);
  assert.deepEqual([issue?.line, issue?.column, issue?.field], [5, 3, 'metadata.lables']);
});
