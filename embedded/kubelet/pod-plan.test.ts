import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../src/resource-api/core-objects.ts';
import type { ContainerStatus } from '../runtime/container.ts';
import { planPod, type StartFailure } from './pod-plan.ts';
import { REAL_TIMING } from './timing.ts';

const NOW_MS = 1_000_000;

function podOf(spec: Partial<Pod['spec']>): Pod {
  const metadata = { name: 'p', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'main' }], ...spec } };
}

function statusOf(name: string, status: Partial<ContainerStatus>): ContainerStatus {
  const pod = { podUid: 'u', podName: 'p', podNamespace: 'shop' };
  const common = {
    id: `${name}-id`,
    sandboxId: 's',
    name,
    image: '',
    attempt: 0,
    ...pod,
    pid: undefined,
    cpus: '',
    mems: '',
    env: [],
  };
  const ends = { startedAtMs: NOW_MS - 2_000, finishedAtMs: undefined, exitCode: undefined };
  return { ...common, ...ends, state: 'running', ...status };
}

const exited = (exitCode: number, attempt = 0) =>
  ({ state: 'exited', exitCode, attempt, finishedAtMs: NOW_MS - 1_000 }) as const;

const sidecar = { name: 'side', restartPolicy: 'Always' };

const cases: {
  what: string;
  spec: Partial<Pod['spec']>;
  has?: Record<string, Partial<ContainerStatus>>;
  failures?: Record<string, StartFailure>;
  want: { phase: string; starts?: string[]; wakeAtMs?: number };
}[] = [
  {
    what: 'starts all containers at once',
    spec: { containers: [{ name: 'a' }, { name: 'b' }] },
    want: { phase: 'Pending', starts: ['a 0', 'b 0'] },
  },
  { what: 'does nothing while they run', spec: {}, has: { main: {} }, want: { phase: 'Running' } },
  {
    what: 'restarts at once the first time',
    spec: {},
    has: { main: exited(1) },
    want: { phase: 'Running', starts: ['main 1'] },
  },
  {
    what: 'waits before the second restart',
    spec: {},
    has: { main: exited(1, 1) },
    want: { phase: 'Running', wakeAtMs: NOW_MS + 9_000 },
  },
  {
    what: 'waits longer before the third',
    spec: {},
    has: { main: exited(1, 2) },
    want: { phase: 'Running', wakeAtMs: NOW_MS + 19_000 },
  },
  {
    what: 'does not restart what ended well under OnFailure',
    spec: { restartPolicy: 'OnFailure' },
    has: { main: exited(0) },
    want: { phase: 'Succeeded' },
  },
  {
    what: 'fails a pod under Never',
    spec: { restartPolicy: 'Never' },
    has: { main: exited(3) },
    want: { phase: 'Failed' },
  },
  {
    what: 'starts the first init container only',
    spec: { initContainers: [{ name: 'i' }, { name: 'j' }] },
    want: { phase: 'Pending', starts: ['i 0'] },
  },
  {
    what: 'waits for an init container',
    spec: { initContainers: [{ name: 'i' }] },
    has: { i: {} },
    want: { phase: 'Pending' },
  },
  {
    what: 'goes on after an init container',
    spec: { initContainers: [{ name: 'i' }] },
    has: { i: exited(0) },
    want: { phase: 'Pending', starts: ['main 0'] },
  },
  {
    what: 'tries a failed init container again',
    spec: { initContainers: [{ name: 'i' }] },
    has: { i: exited(1) },
    want: { phase: 'Pending', starts: ['i 1'] },
  },
  {
    what: 'fails with an init container under Never',
    spec: { initContainers: [{ name: 'i' }], restartPolicy: 'Never' },
    has: { i: exited(1) },
    want: { phase: 'Failed' },
  },
  {
    what: 'starts a sidecar before the containers',
    spec: { initContainers: [sidecar] },
    want: { phase: 'Pending', starts: ['side 0'] },
  },
  {
    what: 'goes on when the sidecar runs',
    spec: { initContainers: [sidecar] },
    has: { side: {} },
    want: { phase: 'Pending', starts: ['main 0'] },
  },
  {
    what: 'restarts a sidecar that ended well',
    spec: { initContainers: [sidecar], restartPolicy: 'Never' },
    has: { side: exited(0), main: {} },
    want: { phase: 'Running', starts: ['side 1'] },
  },
  {
    what: 'does not wait for a sidecar to end',
    spec: { initContainers: [sidecar], restartPolicy: 'Never' },
    has: { side: {}, main: exited(0) },
    want: { phase: 'Succeeded' },
  },
  {
    what: 'waits after a failure to create',
    spec: {},
    failures: { main: { reason: 'CreateContainerError', message: '', retryAtMs: NOW_MS + 5 } },
    want: { phase: 'Pending', wakeAtMs: NOW_MS + 5 },
  },
  {
    what: 'makes a new container of one that was never started',
    spec: {},
    has: { main: { state: 'created' } },
    want: { phase: 'Pending', starts: ['main 1'] },
  },
];

for (const { what, spec, has = {}, failures = {}, want } of cases) {
  test(`planPod ${what}`, () => {
    const containers = new Map(Object.entries(has).map(([name, status]) => [name, statusOf(name, status)]));
    const context = { failures: new Map(Object.entries(failures)), timing: REAL_TIMING, nowMs: NOW_MS };
    const plan = planPod(podOf(spec), { sandbox: undefined, containers }, context);
    const starts = plan.starts.map(({ container, attempt }) => `${container.name} ${attempt}`);
    assert.deepEqual(
      { phase: plan.phase, starts, wakeAtMs: plan.wakeAtMs },
      { starts: [], wakeAtMs: undefined, ...want },
    );
  });
}
