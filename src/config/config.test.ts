import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeConfig } from './config.ts';
import { parseConfig } from './parse-config.ts';

test('describeConfig names what people set, with its effective value', async () => {
  const parsed = await parseConfig({
    argv: ['--group-by=socket', '--reserved-cpus=1,0', '--bind-address=[::1]:80', '-v=2'],
    env: { POD_UID: 'u1' },
    hostname: 'node-1',
    readFile: () => Promise.reject(new RangeError('unused')),
  });
  assert(parsed.kind === 'run');
  assert.deepEqual(describeConfig(parsed.config), {
    config: undefined,
    kubeconfig: undefined,
    hostnameOverride: 'node-1',
    cpuDeviceMode: 'grouped',
    groupBy: 'socket',
    reservedCPUs: '0-1',
    sysfsOverlay: undefined,
    publishNodeAllocatableResourceMapping: false,
    exposePCIeRoots: false,
    kubeletRootDir: '/var/lib/kubelet',
    bindAddress: '[::1]:80',
    nriSocket: '/var/run/nri/nri.sock',
    cdiDir: '/var/run/cdi',
    machinePlacement: 'explicit',
    fullPhysicalCores: false,
    sharedPoolMinCPUs: 0,
    claimSharing: 'none',
    unsolicitedUpdates: 'auto',
    startJitterSeconds: 3,
    HOST_ROOT: '/',
    POD_UID: 'u1',
    POD_NAMESPACE: undefined,
    POD_NAME: undefined,
    v: 2,
    vmodule: [],
    logFormat: 'text',
  });
});
