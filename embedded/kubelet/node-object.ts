import { arch, release, totalmem } from 'node:os';
import type { CpuSet } from '../../src/cpuset/cpu-set.ts';
import { toTimestamp } from './pod-status.ts';

/** What a node tells of itself. */
export interface NodeFacts {
  readonly nodeName: string;
  readonly cpus: CpuSet;
  readonly kubernetesVersion: string;
}

/** Pods a node takes (kubelet's default). */
const PODS_MAX = 110;

/** The Node object that the kubelet registers. */
export function describeNode({ nodeName, cpus, kubernetesVersion }: NodeFacts, nowMs: number) {
  const amounts = { cpu: `${cpus.size}`, memory: `${Math.floor(totalmem() / 1_024)}Ki`, pods: `${PODS_MAX}` };
  const now = toTimestamp(nowMs);
  const goArch = arch() === 'x64' ? 'amd64' : arch();
  return {
    metadata: {
      name: nodeName,
      labels: { 'kubernetes.io/hostname': nodeName, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': goArch },
    },
    status: {
      capacity: amounts,
      allocatable: amounts,
      addresses: [
        { type: 'InternalIP', address: '127.0.0.1' },
        { type: 'Hostname', address: nodeName },
      ],
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
          lastTransitionTime: now,
        },
      ],
      nodeInfo: {
        kubeletVersion: kubernetesVersion,
        kernelVersion: release(),
        osImage: 'embedded node',
        operatingSystem: 'linux',
        architecture: goArch,
        containerRuntimeVersion: 'embedded://1.0.0',
      },
    },
  };
}
