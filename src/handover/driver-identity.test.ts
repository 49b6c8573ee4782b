import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identifyDriver } from './driver-identity.ts';

const PROCESS = { pid: 7, hostname: 'worker', version: '0.1.0' };
const identify = (namespace?: string, name?: string, uid?: string) => identifyDriver({ namespace, name, uid }, PROCESS);

test('identifyDriver takes the DaemonSet for the release, and the process where there is no pod', () => {
  assert.deepEqual(identify('kube-system', 'dra-driver-cpu-x2x8k'), {
    release: 'kube-system/dra-driver-cpu',
    holder: 'pod kube-system/dra-driver-cpu-x2x8k',
    version: '0.1.0',
  });
  assert.equal(identify('kube-system', 'dra-driver-cpu').release, 'kube-system/dra-driver-cpu');
  assert.equal(identify().release, 'process 7 on worker');
});
