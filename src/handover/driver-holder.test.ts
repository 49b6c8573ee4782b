import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { eventually } from '../lib/testing/eventually.ts';
import { identifyDriver } from './driver-identity.ts';
import { endpointOf, Holders, podOf } from './testing/holders.ts';

test('C12: a second installation is refused with the name of the first, until that is gone', async (t) => {
  const holders = await Holders.create(t);
  const first = holders.add(podOf('dra-driver-cpu-x2x8k'));
  const second = holders.add(podOf('other-b9b9b', 'cpu'));
  await first.take();
  await assert.rejects(second.take(), {
    code: 'SecondDriver',
    message:
      /^Cannot start pod cpu\/other-b9b9b: pod kube-system\/dra-driver-cpu-x2x8k \(dracpu 0\.1\.0\) already manages the CPUs/,
  });
  await first.release();
  await second.take();
});

test('DriverHolder.take takes over from a pod of the same DaemonSet, whose end leaves the successor alone', async (t) => {
  const holders = await Holders.create(t);
  const old = holders.add(podOf('cpu-b9b9b'));
  await old.take();
  await holders.add(podOf('cpu-c9c9c')).take();
  await old.release();
  await assert.rejects(holders.add(podOf('another-b9b9b')).take(), /pod kube-system\/cpu-c9c9c/);
});

test('DriverHolder.take resolves when the predecessor has left the node, which then knows where the successor serves', async (t) => {
  const holders = await Holders.create(t);
  const steps: string[] = [];
  const { promise: left, resolve: leave } = Promise.withResolvers<void>();
  const onTakenOver = async ({ endpoint, isFenced }: { endpoint: string; isFenced: boolean }) => {
    steps.push(`asked to leave for ${endpoint}`, `fenced: ${isFenced}`);
    await left;
    steps.push('left');
  };
  await holders.add(podOf('cpu-b9b9b'), { onTakenOver }).take();
  const successor = podOf('cpu-c9c9c');
  const taken = holders
    .add(successor)
    .take()
    .then(() => steps.push('taken'));
  await eventually('the old one is asked', () => steps.length === 2);
  leave();
  await taken;
  const endpoint = endpointOf(holders.directory, successor);
  assert.deepEqual(steps, [`asked to leave for ${endpoint}`, 'fenced: false', 'left', 'taken']);
  assert.deepEqual(holders.warnings, []);
});

test('DriverHolder hands the node to one of several successors, from which the next takes it', async (t) => {
  const holders = await Holders.create(t);
  const [left, steps] = [Promise.withResolvers<void>(), [] as string[]];
  await holders.add(podOf('cpu-b9b9b'), { onTakenOver: () => left.promise }).take();
  const takes = ['c9c9c', 'd9d9d', 'f9f9f'].map(async (suffix) => {
    const onTakenOver = async ({ endpoint }: { endpoint: string }) => {
      steps.push(`${suffix} leaves for ${basename(endpoint, '.sock').slice(-5)}`);
    };
    await holders.add(podOf(`cpu-${suffix}`), { onTakenOver }).take();
    steps.push(`${suffix} takes`);
  });
  left.resolve();
  await Promise.all(takes);
  // Each one left the node before the next one took it.
  const takers = steps.filter((step) => step.endsWith('takes')).map((step) => step.slice(0, 5));
  const [first, second, third] = takers;
  assert.deepEqual(steps, [
    `${first} takes`,
    `${first} leaves for ${second}`,
    `${second} takes`,
    `${second} leaves for ${third}`,
    `${third} takes`,
  ]);
});

test('DriverHolder calls onAbandoned when no driver holds the node that it handed over', async (t) => {
  const holders = await Holders.create(t);
  const { abandoned } = holders;
  const [old, next, last] = ['cpu-b9b9b', 'cpu-c9c9c', 'cpu-d9d9d'].map((name) => holders.add(podOf(name)));
  await old?.take();
  await next?.take();
  await setTimeout(100);
  await last?.take();
  await setTimeout(100);
  assert.deepEqual(abandoned, [], 'there is always one');
  // As a process that is killed leaves it: a socket on which no process answers.
  await last?.release();
  (await holders.impersonate(() => {})).close();
  await eventually('both are called', () => abandoned.length === 2);
  await old?.release();
  await old?.take();
  await setTimeout(100);
  assert.equal(abandoned.length, 2);
});

test('DriverHolder calls onAbandoned when its successor ends before it has opened its socket', async (t) => {
  const holders = await Holders.create(t);
  await holders.add(podOf('cpu-b9b9b')).take();
  const successor = connect(join(holders.directory, 'holder.sock'));
  successor.write('{"endpoint":"/plugins/dra.cpu/dra-next.sock"}\n');
  await once(successor.resume(), 'end');
  await eventually('it is called', () => holders.abandoned.length === 1);
});

test('C12: of two that start at the same moment only one goes on', async (t) => {
  const holders = await Holders.create(t);
  const both = [holders.add(podOf('dra-driver-cpu-x2x8k')), holders.add(podOf('other-b9b9b'))];
  await Promise.allSettled(both.map((holder) => holder.take()));
  const outcomes = await Promise.allSettled(both.map((holder) => holder.confirm()));
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
});

test('C12: a second installation is refused also after the directory was removed, which costs the first one nothing', async (t) => {
  const holders = await Holders.create(t);
  let removals = 0;
  const first = holders.add(podOf('dra-driver-cpu-x2x8k'), { onClaimsRemoved: () => (removals += 1) });
  await first.take();
  // The socket may be there again before the directory is removed, which is not empty then.
  await rm(holders.directory, { recursive: true, maxRetries: 10 });
  await eventually('the socket is back', () => existsSync(join(holders.directory, 'holder.sock')));
  await eventually('the records are asked for', () => removals > 0);
  await assert.rejects(holders.add(podOf('other-b9b9b')).take(), { code: 'SecondDriver' });
  await first.confirm();
  assert.deepEqual(holders.abandoned, []);
});

test('DriverHolder takes unnamed pods for pods of one installation', async (t) => {
  const holders = await Holders.create(t);
  const unnamed = (uid: string) =>
    identifyDriver({ namespace: undefined, name: undefined, uid }, { pid: 7, hostname: 'worker', version: '0.1.0' });
  await holders.add(unnamed('a')).take();
  await holders.add(unnamed('b')).take();
});
