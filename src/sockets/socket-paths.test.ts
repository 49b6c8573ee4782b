import assert from 'node:assert/strict';
import test from 'node:test';
import { checkSocketPath, chooseSocketPaths } from './socket-paths.ts';

const driverName = 'dra.cpu';
const podUid = '9d3c8a52-1b9e-4a3f-8f0c-6a1f6f1f4b7e';

test('chooseSocketPaths gives the names of a driver that is alone', () => {
  assert.deepEqual(chooseSocketPaths({ kubeletRoot: '/var/lib/kubelet/', driverName }), {
    registration: '/var/lib/kubelet/plugins_registry/dra.cpu-reg.sock',
    endpoint: '/var/lib/kubelet/plugins/dra.cpu/dra.sock',
  });
  assert.equal(
    chooseSocketPaths({ kubeletRoot: '/k', driverName, podUid: '' }).registration,
    '/k/plugins_registry/dra.cpu-reg.sock',
  );
});

test('chooseSocketPaths R14: every socket lies under the root of the kubelet, wherever that is and however it is written', () => {
  for (const [kubeletRoot, clean] of [
    ['/var/lib/k0s/kubelet', '/var/lib/k0s/kubelet'],
    ['/var/snap/microk8s/common//var/lib/kubelet/', '/var/snap/microk8s/common/var/lib/kubelet'],
    ['/var/lib/rancher/../kubelet/./', '/var/lib/kubelet'],
  ] as const) {
    const { registration, endpoint } = chooseSocketPaths({ kubeletRoot, driverName });
    assert.equal(registration, `${clean}/plugins_registry/dra.cpu-reg.sock`);
    assert.equal(endpoint, `${clean}/plugins/dra.cpu/dra.sock`);
  }
});

test('chooseSocketPaths gives each pod of a rolling update its own names', () => {
  assert.deepEqual(chooseSocketPaths({ kubeletRoot: '/var/lib/kubelet', driverName, podUid }), {
    registration: `/var/lib/kubelet/plugins_registry/dra.cpu-${podUid}-reg.sock`,
    endpoint: `/var/lib/kubelet/plugins/dra.cpu/dra-${podUid}.sock`,
  });
});

// Digests computed with sha256sum and basenc --base64url.
test('chooseSocketPaths shortens the registration name where the path would be too long', () => {
  const registrationOf = (rootLength: number) =>
    chooseSocketPaths({ kubeletRoot: `/${'k'.repeat(rootLength - 1)}`, driverName: 'd', podUid }).registration;
  assert.match(registrationOf(40), /\/d-9d3c8a52-1b9e-4a3f-8f0c-6a1f6f1f4b7e-reg\.sock$/);
  assert.match(registrationOf(50), /\/d-[A-Za-z0-9_-]{11}-reg\.sock$/);
  const long = { kubeletRoot: `/${'k'.repeat(48)}`, driverName: 'long.driver.name.example.com', podUid };
  assert.throws(() => chooseSocketPaths(long), { code: 'PathTooLong' });
});

test('checkSocketPath refuses more than 107 bytes and names the path, its length and the remedy', () => {
  checkSocketPath('/'.padEnd(107, 'a'));
  assert.throws(() => checkSocketPath('/'.padEnd(108, 'a')), {
    name: 'SocketError',
    code: 'PathTooLong',
    message: /^Cannot listen on "\/a+": the path has 108 bytes, .* may have 107; choose a shorter --kubelet-root-dir$/,
  });
  assert.throws(() => checkSocketPath(`/${'ä'.repeat(54)}`), { code: 'PathTooLong' });
});
