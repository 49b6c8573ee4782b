import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { silentLog } from '../lib/log.ts';
import { eventually } from '../lib/testing/eventually.ts';
import { DriverHolder, type DriverHolderOptions } from './driver-holder.ts';
import { type DriverIdentity, identifyDriver } from './driver-identity.ts';

const PROCESS = { pid: 7, hostname: 'worker', version: '0.1.0' };
const podOf = (name: string, namespace = 'kube-system') => identifyDriver({ namespace, name, uid: undefined }, PROCESS);

/** A directory, and holders in it that are released before it is removed. */
async function fixture(context: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'dh-'));
  const holders: DriverHolder[] = [];
  context.after(async () => {
    await Promise.all(holders.map((holder) => holder.release()));
    await rm(directory, { recursive: true, force: true });
  });
  /** Those that found nobody to whom they gave the node. */
  const abandoned: string[] = [];
  const create = (identity: DriverIdentity, onTakenOver: DriverHolderOptions['onTakenOver'] = async () => {}) => {
    const endpoint = `/endpoints/${identity.holder}`;
    const onAbandoned = () => void abandoned.push(identity.holder);
    const options = { directory, identity, endpoint, onTakenOver, onAbandoned, log: silentLog };
    const holder = new DriverHolder({ ...options, successorPatienceMs: 50 });
    holders.push(holder);
    return holder;
  };
  return { directory, create, abandoned };
}

test('C12: a second installation is refused with the name of the first, until that is gone', async (context) => {
  const { create } = await fixture(context);
  const first = create(podOf('dra-driver-cpu-x2x8k'));
  const second = create(podOf('other-b9b9b', 'cpu'));
  await first.take();
  await assert.rejects(second.take(), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'SecondDriver');
    assert.match(
      error.message,
      /^Cannot start pod cpu\/other-b9b9b: pod kube-system\/dra-driver-cpu-x2x8k \(dracpu 0\.1\.0\) manages the CPUs/,
    );
    return true;
  });
  await first.release();
  await second.take();
});

test('DriverHolder is taken over by a pod of the same DaemonSet, whose predecessor leaves it alone', async (context) => {
  const { create } = await fixture(context);
  const [old, next, other] = [podOf('cpu-b9b9b'), podOf('cpu-c9c9c'), podOf('another-b9b9b')].map((identity) =>
    create(identity),
  );
  await old?.take();
  await next?.take();
  await old?.release();
  await assert.rejects(other?.take() ?? Promise.resolve(), /pod kube-system\/cpu-c9c9c/);
});

test('DriverHolder takes the node only when its predecessor has left it, and tells that one where it serves', async (context) => {
  const { create } = await fixture(context);
  const steps: string[] = [];
  const { promise: left, resolve: leave } = Promise.withResolvers<void>();
  const old = create(podOf('cpu-b9b9b'), async ({ endpoint }) => {
    steps.push(`asked to leave for ${endpoint}`);
    await left;
    steps.push('left');
  });
  await old.take();
  const next = create(podOf('cpu-c9c9c'));
  const taken = next.take().then(() => steps.push('taken'));
  await eventually('the old one is asked', () => steps.length === 1);
  leave();
  await taken;
  assert.deepEqual(steps, ['asked to leave for /endpoints/pod kube-system/cpu-c9c9c', 'left', 'taken']);
});

test('DriverHolder gives the node to one of several successors, from whom the next takes it', async (context) => {
  const { create } = await fixture(context);
  const [left, steps] = [Promise.withResolvers<void>(), [] as string[]];
  await create(podOf('cpu-b9b9b'), () => left.promise).take();
  const takes = ['c9c9c', 'd9d9d', 'f9f9f'].map(async (suffix) => {
    await create(podOf(`cpu-${suffix}`), async ({ endpoint }) => {
      steps.push(`${suffix} leaves for ${endpoint.slice(-5)}`);
    }).take();
    steps.push(`${suffix} takes`);
  });
  left.resolve();
  await Promise.all(takes);
  // Whoever took the node left it before the next one took it.
  const holders = steps.filter((step) => step.endsWith('takes')).map((step) => step.slice(0, 5));
  const [first, second, third] = holders;
  assert.deepEqual(steps, [
    `${first} takes`,
    `${first} leaves for ${second}`,
    `${second} takes`,
    `${second} leaves for ${third}`,
    `${third} takes`,
  ]);
});

test('DriverHolder is told when nobody has the node any more to whom it was given up', async (context) => {
  const { directory, create, abandoned } = await fixture(context);
  const [old, next, last] = ['cpu-b9b9b', 'cpu-c9c9c', 'cpu-d9d9d'].map((name) => create(podOf(name)));
  await old?.take();
  await next?.take();
  await setTimeout(100);
  await last?.take();
  await setTimeout(100);
  assert.deepEqual(abandoned, [], 'there is always somebody');
  // As a process that is killed leaves it: a socket on which nobody answers.
  await last?.release();
  const stale = createServer().listen(join(directory, 'stale'));
  await once(stale, 'listening');
  await rename(join(directory, 'stale'), join(directory, 'holder.sock'));
  stale.close();
  await eventually('both are told', () => abandoned.length === 2);
  await old?.release();
  await old?.take();
  await setTimeout(100);
  assert.equal(abandoned.length, 2);
});

test('DriverHolder is told when its successor ends before it has opened its socket', async (context) => {
  const { directory, create, abandoned } = await fixture(context);
  const old = create(podOf('cpu-b9b9b'));
  await old.take();
  const successor = connect(join(directory, 'holder.sock'));
  successor.write('{"endpoint":"/endpoints/next"}\n');
  await once(successor.resume(), 'end');
  await eventually('it is told', () => abandoned.length === 1);
});

test('C12: of two that start in the same moment only one goes on', async (context) => {
  const { create } = await fixture(context);
  const both = [create(podOf('dra-driver-cpu-x2x8k')), create(podOf('other-b9b9b'))];
  await Promise.allSettled(both.map((holder) => holder.take()));
  const outcomes = await Promise.allSettled(both.map((holder) => holder.confirm()));
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
});

test('C12: a second installation is refused also after the directory was removed', async (context) => {
  const { directory, create } = await fixture(context);
  await create(podOf('dra-driver-cpu-x2x8k')).take();
  // The socket may be put back before the directory is removed, which is not empty then.
  await rm(directory, { recursive: true, maxRetries: 10 });
  await eventually('the socket is back', () => existsSync(join(directory, 'holder.sock')));
  await assert.rejects(create(podOf('other-b9b9b')).take(), { code: 'SecondDriver' });
});

test('DriverHolder takes unnamed pods for pods of one installation', async (context) => {
  const { create } = await fixture(context);
  const unnamed = (uid: string) => identifyDriver({ namespace: undefined, name: undefined, uid }, PROCESS);
  await create(unnamed('a')).take();
  await create(unnamed('b')).take();
});

test('DriverHolder refuses a socket on which something unknown answers, and replaces a stale one', async (context) => {
  const { directory, create } = await fixture(context);
  const server = createServer((socket) => socket.end('hello'));
  await new Promise<void>((resolve) => server.listen(join(directory, 'holder.sock'), resolve));
  const holder = create(podOf('cpu-b9b9b'));
  await assert.rejects(holder.take(), /an unknown program/);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  await holder.take();
});
