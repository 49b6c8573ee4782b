import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { checkParameters, parseOpaqueParameters } from '../../src/claims/opaque-parameters.ts';
import { readMillis } from '../../src/resource-api/quantity.ts';
import { newCluster } from '../../embedded/apiserver/testing/cluster.ts';
import { loadSysfsOverlay } from '../../src/sysfs/overlay.ts';
import { readTopology } from '../../src/sysfs/read-topology.ts';
import { type ApiObject, findObjectProblems, findOpenApi } from '../chart/openapi.ts';
import { parseObjects, pick, render, skipChart } from '../chart/render.ts';

const PLURALS: Readonly<Record<string, string>> = {
  Pod: 'pods',
  ResourceClaim: 'resourceclaims',
  ResourceClaimTemplate: 'resourceclaimtemplates',
  DeviceClass: 'deviceclasses',
};
const OVERLAY = 'hack/examples/sysfs-overlay';
const files = globSync('hack/examples/*.yaml').sort();
const openApi = findOpenApi();
const skipOpenApi = 'missing' in openApi ? openApi.missing : false;

interface Request {
  readonly exactly: { readonly count?: number; readonly capacity?: { readonly requests: Record<string, string> } };
}

/** How many CPUs a claim or a template asks for. */
function countCpus(claim: ApiObject | undefined): number {
  const spec = pick(claim, claim?.kind === 'ResourceClaim' ? 'spec' : 'spec.spec');
  const requests = pick(spec, 'devices.requests') as readonly Request[];
  return requests.reduce(
    (sum, { exactly }) => sum + Number(exactly.capacity?.requests['dra.cpu/cpu'] ?? exactly.count),
    0,
  );
}

test('the examples of the reference are at their paths', () => {
  const names = files.map((file) => basename(file));
  for (const name of [
    'pod_with_pod_level_resources.yaml',
    'pod_with_resource_claim_grouped_mode.yaml',
    'pod_with_resource_claim_individual_mode.yaml',
    'pod_with_resource_claim_node_allocatable.yaml',
  ]) {
    assert.ok(names.includes(name), name);
  }
});

for (const file of files) {
  const objects = parseObjects(readFileSync(file, 'utf8'));

  test(`${file}: the API server takes every object`, () => {
    const store = newCluster();
    for (const object of objects) store.create(PLURALS[object.kind] ?? object.kind, object);
  });

  test(`${file}: every field is one of Kubernetes' OpenAPI documents`, { skip: skipOpenApi }, () => {
    const directory = 'directory' in openApi ? openApi.directory : '';
    assert.deepEqual(
      objects.flatMap((object) => findObjectProblems(directory, object)),
      [],
    );
  });

  test(`${file}: every claim of a container is one of the pod, of this file, and no other container's`, () => {
    for (const pod of objects.filter(({ kind }) => kind === 'Pod')) {
      const declared = pick(pod, 'spec.resourceClaims') as Record<string, string>[];
      const used = (pick(pod, 'spec.containers') as object[]).flatMap(
        (container) => (pick(container, 'resources.claims') ?? []) as { name: string }[],
      );
      const names = (references: readonly { readonly name?: string }[]) =>
        references.map(({ name = '' }) => name).sort();
      assert.deepEqual(names(used), names(declared));
      for (const { resourceClaimName, resourceClaimTemplateName } of declared) {
        const name = resourceClaimName ?? resourceClaimTemplateName;
        assert.ok(
          objects.some(({ kind, metadata }) => kind.startsWith('ResourceClaim') && metadata.name === name),
          name,
        );
      }
    }
  });
}

for (const file of files.filter((each) => !/node_allocatable|pod_level|shared_cpus/.test(each))) {
  test(`${file}: containers with a claim request as many CPUs as it gives (option B)`, () => {
    const objects = parseObjects(readFileSync(file, 'utf8'));
    const pod = objects.find(({ kind }) => kind === 'Pod');
    const declared = pick(pod, 'spec.resourceClaims') as Record<string, string>[];
    for (const container of pick(pod, 'spec.containers') as object[]) {
      const names = ((pick(container, 'resources.claims') ?? []) as { name: string }[]).map(({ name }) => name);
      if (names.length === 0) continue;
      const claims = declared.filter(({ name = '' }) => names.includes(name));
      const cpus = claims.map(({ resourceClaimName, resourceClaimTemplateName }) =>
        countCpus(objects.find(({ metadata }) => metadata.name === (resourceClaimName ?? resourceClaimTemplateName))),
      );
      const total = cpus.reduce((sum, count) => sum + count, 0);
      assert.equal(Number(pick(container, 'resources.requests.cpu')), total);
      assert.equal(Number(pick(container, 'resources.limits.cpu')), total);
    }
  });
}

for (const file of files) {
  const configs = parseObjects(readFileSync(file, 'utf8')).flatMap((object) =>
    ['spec.config', 'spec.devices.config', 'spec.spec.devices.config'].flatMap(
      (path) => (pick(object, path) ?? []) as object[],
    ),
  );
  if (configs.length === 0) continue;
  test(`${file}: the driver understands its opaque parameters`, () => {
    for (const config of configs) checkParameters(parseOpaqueParameters(pick(config, 'opaque.parameters')));
  });
}

test('pod_with_shared_cpus.yaml: the container requests more than its claim gives, and has no limit of CPUs', () => {
  const objects = parseObjects(readFileSync('hack/examples/pod_with_shared_cpus.yaml', 'utf8'));
  const claimed = countCpus(objects.find(({ kind }) => kind === 'ResourceClaimTemplate'));
  const pod = objects.find(({ kind }) => kind === 'Pod');
  const requested = readMillis(String(pick(pod, 'spec.containers.0.resources.requests.cpu'))) ?? 0n;
  assert.ok(requested > BigInt(claimed) * 1_000n, `${requested} of ${claimed}`);
  assert.equal(pick(pod, 'spec.containers.0.resources.limits.cpu'), undefined);
});

test('pod_with_pod_level_resources.yaml: the pod requests the CPUs of its claims and two more (option A)', () => {
  const objects = parseObjects(readFileSync('hack/examples/pod_with_pod_level_resources.yaml', 'utf8'));
  const claims = objects.filter(({ kind }) => kind === 'ResourceClaim').map(countCpus);
  const pod = objects.find(({ kind }) => kind === 'Pod');
  const total = claims.reduce((sum, count) => sum + count, 0) + 2;
  assert.deepEqual(
    ['requests', 'limits'].map((key) => Number(pick(pod, `spec.resources.${key}.cpu`))),
    [total, total],
  );
});

test('the overlay example is a machine of two NUMA nodes with their own cache and PCIe root', () => {
  const { data } = parse(readFileSync(`${OVERLAY}/configmap.yaml`, 'utf8')) as { data: Record<string, string> };
  const overlay = loadSysfsOverlay(data['sysfs-overlay.yaml'] ?? '');
  const topology = readTopology({ hostRoot: '/nowhere', overlay, pcieRoots: true });
  const cpusOf = (groups: readonly { cpus: { toString(): string } }[]) => groups.map(({ cpus }) => cpus.toString());
  assert.deepEqual(cpusOf(topology.numaNodes), ['0-1', '2-3']);
  assert.deepEqual(cpusOf(topology.sockets), ['0-1', '2-3']);
  assert.deepEqual(cpusOf(topology.l3Caches), ['0-1', '2-3']);
  assert.deepEqual(cpusOf(topology.cores), ['0', '1', '2', '3']);
  assert.deepEqual(cpusOf(topology.pcieRoots), ['0-1', '2-3']);
});

test('the values of the overlay example mount the file that they name', { skip: skipChart }, () => {
  const daemonSet = render({ options: ['--values', `${OVERLAY}/values.yaml`] }).find(
    ({ kind }) => kind === 'DaemonSet',
  );
  const mounts = pick(daemonSet, 'spec.template.spec.containers.0.volumeMounts') as { mountPath: string }[];
  const { driverConfig } = parse(readFileSync(`${OVERLAY}/values.yaml`, 'utf8')) as {
    driverConfig: { sysfsOverlay: string };
  };
  assert.ok(mounts.some(({ mountPath }) => mountPath === driverConfig.sysfsOverlay));
});
