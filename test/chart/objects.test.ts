/** Objects of the chart that are created on demand, and what they contain. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findKind, pick, render, skipChart } from './render.ts';

const options = { skip: skipChart };
const CONTAINER = 'spec.template.spec.containers.0';
const renderDaemonSet = (...set: string[]) => findKind(render({ set }), 'DaemonSet');

test('serviceAccount.name names the account, in the pod, the binding and the admission policy', options, () => {
  const objects = render({ set: ['serviceAccount.name=cpus', 'openshift.securityContextConstraints.create=true'] });
  assert.equal(findKind(objects, 'ServiceAccount')?.metadata.name, 'cpus');
  assert.equal(pick(findKind(objects, 'DaemonSet'), 'spec.template.spec.serviceAccountName'), 'cpus');
  assert.equal(pick(findKind(objects, 'ClusterRoleBinding'), 'subjects.0.name'), 'cpus');
  assert.match(
    String(pick(findKind(objects, 'ValidatingAdmissionPolicy'), 'spec.matchConditions.0.expression')),
    /serviceaccount:kube-system:cpus"$/,
  );
  assert.deepEqual(pick(findKind(objects, 'SecurityContextConstraints'), 'users'), [
    'system:serviceaccount:kube-system:cpus',
  ]);
});

test('serviceAccount.create=false uses an account that exists', options, () => {
  const objects = render({ set: ['serviceAccount.create=false', 'serviceAccount.name=mine'] });
  assert.equal(findKind(objects, 'ServiceAccount'), undefined);
  assert.equal(pick(findKind(objects, 'DaemonSet'), 'spec.template.spec.serviceAccountName'), 'mine');
});

test('the image is named by its digest when there is one, otherwise by its tag', options, () => {
  const digest = `sha256:${'0a'.repeat(32)}`;
  const repository = 'image.repository=registry.example.com/cpus';
  const readImage = (...set: string[]) => pick(renderDaemonSet(repository, ...set), `${CONTAINER}.image`);
  assert.equal(readImage('image.tag=v9'), 'registry.example.com/cpus:v9');
  assert.equal(readImage('image.tag=v9', `image.digest=${digest}`), `registry.example.com/cpus@${digest}`);
});

test('pods run on Linux nodes only, in addition to nodeSelector', options, () => {
  const readSelector = (...set: string[]) => pick(renderDaemonSet(...set), 'spec.template.spec.nodeSelector');
  assert.deepEqual(readSelector(), { 'kubernetes.io/os': 'linux' });
  assert.deepEqual(readSelector('nodeSelector.pool=a', 'nodeSelector.node-role\\.kubernetes\\.io/worker='), {
    'kubernetes.io/os': 'linux',
    'node-role.kubernetes.io/worker': '',
    pool: 'a',
  });
});

test('the container has a limit for memory, which can be changed and removed, and none for CPU', options, () => {
  const readLimits = (...set: string[]) => pick(renderDaemonSet(...set), `${CONTAINER}.resources.limits`);
  assert.deepEqual(readLimits(), { memory: '256Mi' });
  assert.deepEqual(readLimits('resources.limits.memory=1Gi'), { memory: '1Gi' });
  assert.equal(readLimits('resources.limits.memory=null'), undefined);
});

test('a security context of the values changes single settings, also to false', options, () => {
  const context = pick(
    renderDaemonSet('securityContext.readOnlyRootFilesystem=false', 'securityContext.capabilities.add[0]=SYS_NICE'),
    `${CONTAINER}.securityContext`,
  ) as Record<string, unknown>;
  assert.equal(context.readOnlyRootFilesystem, false);
  assert.equal(context.allowPrivilegeEscalation, false);
  assert.deepEqual(context.capabilities, { drop: ['ALL'], add: ['SYS_NICE'] });
});

test('a high log level of a values file is written as a whole number', options, (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'chart-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'values.yaml');
  writeFileSync(file, 'args:\n  logLevel: 2000000\n');
  const daemonSet = findKind(render({ options: ['--values', file] }), 'DaemonSet');
  assert.ok((pick(daemonSet, `${CONTAINER}.args`) as string[]).includes('--v=2000000'));
});

test('no NetworkPolicy is created by default', options, () => {
  assert.equal(findKind(render(), 'NetworkPolicy'), undefined);
});

test('the NetworkPolicy lets only the named peers reach the HTTP port', options, () => {
  const readSpec = (...set: string[]) =>
    pick(findKind(render({ set: ['networkPolicy.create=true', ...set] }), 'NetworkPolicy'), 'spec');
  const podSelector = {
    matchLabels: { 'app.kubernetes.io/name': 'dra-driver-cpu', 'dra.cpu/release': 'dra-driver-cpu' },
  };
  assert.deepEqual(readSpec(), { podSelector, policyTypes: ['Ingress'] });
  const peer = 'networkPolicy.from[0].namespaceSelector.matchLabels.team=monitoring';
  assert.deepEqual(pick(readSpec(peer), 'ingress'), [
    {
      from: [{ namespaceSelector: { matchLabels: { team: 'monitoring' } } }],
      ports: [{ port: 'healthz', protocol: 'TCP' }],
    },
  ]);
  const egress = readSpec('networkPolicy.egress[0].ports[0].port=6443');
  assert.deepEqual(pick(egress, 'policyTypes'), ['Ingress', 'Egress']);
  assert.deepEqual(pick(egress, 'egress'), [{ ports: [{ port: 6443 }] }]);
});

test('SecurityContextConstraints of OpenShift allow what the pod uses', options, () => {
  const create = 'openshift.securityContextConstraints.create=true';
  const objects = render({ set: [create] });
  const constraints = findKind(objects, 'SecurityContextConstraints');
  const pod = pick(findKind(objects, 'DaemonSet'), 'spec.template.spec');
  const sources = (pick(pod, 'volumes') as object[])
    .flatMap((volume) => Object.keys(volume))
    .filter((key) => key !== 'name');
  const allowed = pick(constraints, 'volumes') as string[];
  assert.deepEqual(
    sources.filter((source) => !allowed.includes(source)),
    [],
  );
  const context = pick(pod, 'containers.0.securityContext') as Record<string, unknown>;
  assert.deepEqual(context.seLinuxOptions, { type: 'spc_t' });
  for (const key of ['readOnlyRootFilesystem', 'allowPrivilegeEscalation'] as const) {
    assert.equal(pick(constraints, key), context[key], key);
  }
  assert.equal(pick(constraints, 'allowPrivilegedContainer'), false);
  assert.deepEqual(pick(constraints, 'requiredDropCapabilities'), ['ALL']);
  assert.equal(pick(constraints, 'allowHostNetwork'), false);
  const onHost = findKind(render({ set: [create, 'hostNetwork=true'] }), 'SecurityContextConstraints');
  assert.deepEqual(
    ['allowHostNetwork', 'allowHostPorts'].map((key) => pick(onHost, key)),
    [true, true],
  );
  assert.equal(findKind(render(), 'SecurityContextConstraints'), undefined);
});
