import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { renderInstall } from '../../hack/manifests.ts';
import { findKind, helmPath, parseObjects, pick, render, skipChart } from './render.ts';

const text = readFileSync('deployment/manifests/install.yaml', 'utf8');

test('install.yaml is what the chart makes', { skip: skipChart }, () => {
  assert.equal(text, renderInstall(helmPath), 'run: node hack/manifests.ts --update');
});

test('install.yaml selects pods by the label of the reference', () => {
  const objects = parseObjects(text);
  const daemonSet = findKind(objects, 'DaemonSet');
  assert.deepEqual(pick(daemonSet, 'spec.selector.matchLabels'), { app: 'dracpu' });
  assert.deepEqual(pick(daemonSet, 'spec.template.metadata.labels'), {
    tier: 'node',
    app: 'dracpu',
    'k8s-app': 'dracpu',
  });
  assert.deepEqual(
    objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`),
    [
      'ServiceAccount/dracpu',
      'ClusterRole/dracpu',
      'ClusterRoleBinding/dracpu',
      'DaemonSet/dracpu',
      'DeviceClass/dra.cpu',
      'ValidatingAdmissionPolicy/dracpu-own-node',
      'ValidatingAdmissionPolicyBinding/dracpu-own-node',
    ],
  );
});

test('C9: the pod of install.yaml is as hard as that of the chart', { skip: skipChart }, () => {
  const [plain, chart] = [parseObjects(text), render()].map((objects) => findKind(objects, 'DaemonSet'));
  assert.deepEqual(pick(plain, 'spec.template.spec.containers'), pick(chart, 'spec.template.spec.containers'));
  assert.deepEqual(
    pick(plain, 'spec.template.spec.securityContext'),
    pick(chart, 'spec.template.spec.securityContext'),
  );
});
