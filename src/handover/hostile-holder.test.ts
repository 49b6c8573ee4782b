import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { eventually } from '../lib/testing/eventually.ts';
import { endpointOf, Holders, podOf } from './testing/holders.ts';

/** Short waits, so that a test does not last as long as a real driver waits. */
const holderTimeouts = { greetingMs: 60, releaseMs: 400 };
const OLD = podOf('cpu-b9b9b');
const NEW = podOf('cpu-c9c9c');
const TAKEN_UNANSWERED = 'Took over the node from a driver that did not answer';

test('C12: a driver that lost its socket stops within 1 s when another pod of its installation takes the node', async (t) => {
  const holders = await Holders.create(t);
  const old = holders.add(OLD);
  const { path } = await old.take();
  // What answers now is neither the old driver nor another one, so that the successor cannot ask.
  (await holders.impersonate(() => {})).close();
  await holders.add(NEW).take();
  await assert.rejects(writeFile(join(path, 'uid.json'), ''), { code: 'ENOENT' });
  await assert.rejects(old.confirm(), { code: 'SecondDriver' });
  await eventually('it hands calls on', () => holders.takenOver.length === 1, 1_500);
  assert.deepEqual(holders.takenOver, [{ endpoint: endpointOf(holders.directory, NEW), isFenced: true }]);
  await holders.add(podOf('cpu-d9d9d')).take();
  await eventually('the successor was asked', () => holders.takenOver.length === 2);
  assert.equal(holders.takenOver[1]?.isFenced, false);
});

test('C12: a driver that lost its socket ends when a driver of another installation takes the node', async (t) => {
  const holders = await Holders.create(t);
  await holders.add(OLD).take();
  (await holders.impersonate(() => {})).close();
  await holders.add(podOf('other-b9b9b')).take();
  await eventually('it ends', () => holders.abandoned.length === 1, 3_000);
  assert.deepEqual([holders.abandoned, holders.takenOver], [[OLD.holder], []]);
});

test('C12: a driver that finds a driver of release 0.1 in its place, which takes no claims, ends', async (t) => {
  const holders = await Holders.create(t);
  await holders.add(OLD).take();
  await holders.impersonate((socket) => socket.write(`${JSON.stringify(NEW)}\n`));
  await eventually('it ends', () => holders.abandoned.length === 1, 3_000);
});

for (const [what, greeting] of [
  ['garbage', 'hello\n'],
  ['nothing', ''],
  ['what a driver without the claims says', `${JSON.stringify({ ...NEW, claims: 'claims-000099-00000000' })}\n`],
] as const) {
  test(`C12: a driver that has the claims replaces a socket in its place that answers ${what}`, async (t) => {
    const holders = await Holders.create(t);
    const old = holders.add(OLD);
    await old.take();
    await holders.impersonate((socket) => socket.write(greeting));
    await eventually('its socket is in place', () =>
      holders.warnings.includes('Replaced the socket of another process'),
    );
    await old.confirm();
    await assert.rejects(holders.add(podOf('other-b9b9b')).take(), { code: 'SecondDriver' });
    assert.deepEqual([holders.abandoned, holders.takenOver], [[], []]);
  });
}

test('C12: a silent holder is waited for three times, and then fenced off with a warning', async (t) => {
  for (const greeting of ['', '{"release":"kube-sys']) {
    const holders = await Holders.create(t);
    let connections = 0;
    await holders.impersonate((socket) => {
      connections += 1;
      socket.write(greeting);
    });
    const claims = await holders.add(NEW, { holderTimeouts }).take();
    assert.ok(await claims.isOurs());
    assert.equal(connections, 3);
    assert.deepEqual(holders.warnings, [TAKEN_UNANSWERED]);
  }
});

test('C12: a holder that greets and then neither hands over nor ends is waited for within bounds, and fenced off', async (t) => {
  const answers = ['', '{"released":', '{"released":"yes"}\n', 'x'.repeat(10_000)];
  for (const answer of answers) {
    const holders = await Holders.create(t);
    await holders.impersonate((socket) => {
      socket.write(`${JSON.stringify(OLD)}\n`);
      socket.on('data', () => socket.write(answer));
    });
    const startMs = performance.now();
    await holders.add(NEW, { holderTimeouts }).take();
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs >= holderTimeouts.releaseMs * 0.9 && tookMs < 5_000, `${JSON.stringify(answer)}: ${tookMs} ms`);
    assert.deepEqual(holders.warnings, [TAKEN_UNANSWERED]);
  }
});

test('C12: a holder that dies before its first line is not a foreign driver; the next attempt follows', async (t) => {
  const holders = await Holders.create(t);
  let deaths = 0;
  const dying = await holders.impersonate((socket) => {
    deaths += 1;
    if (deaths % 2 === 0) socket.write('{"rele');
    socket.destroySoon();
    if (deaths === 4) dying.close();
  });
  const claims = await holders.add(NEW).take();
  assert.ok(await claims.isOurs());
  assert.equal(deaths, 4);
  assert.deepEqual(holders.warnings, []);
});

test('C12: what answers and is not a driver is refused, and a socket that no process has is replaced', async (t) => {
  const answers: ((socket: Socket) => void)[] = [
    (socket) => socket.end('hello\n'),
    (socket) => socket.end('{"release":1,"holder":2,"version":3}\n'),
    (socket) => socket.write('x'.repeat(1 << 20)),
  ];
  for (const answer of answers) {
    const holders = await Holders.create(t);
    const server = await holders.impersonate(answer);
    const holder = holders.add(NEW);
    await assert.rejects(holder.take(), { code: 'SecondDriver', message: /an unknown program answers on/ });
    server.close();
    await holder.take();
  }
});

test('C12: nothing but the endpoint of a driver makes the holder hand the node over', async (t) => {
  const holders = await Holders.create(t);
  await holders.add(OLD).take();
  const own = basename(endpointOf(holders.directory, OLD));
  const lines = [
    '{}',
    'x',
    '{"endpoint":1}',
    '{"endpoint":"/etc/passwd"}',
    `{"endpoint":"/k/${own}"}`,
    'x'.repeat(9_000),
  ];
  for (const line of lines) {
    const socket = connect(join(holders.directory, 'holder.sock')).on('error', () => {});
    socket.write(`${line}\n`);
    await once(socket.resume(), 'close');
  }
  assert.deepEqual(holders.takenOver, []);
});

test('C12: the holder serves a bounded number of connections, each for a bounded time', async (t) => {
  const holders = await Holders.create(t);
  await holders.add(OLD).take();
  const sockets = Array.from({ length: 60 }, () =>
    connect(join(holders.directory, 'holder.sock'))
      .on('error', () => {})
      .resume(),
  );
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  const countOpen = () => sockets.filter((socket) => !socket.closed).length;
  await eventually('those beyond the bound are closed', () => countOpen() <= 16);
  assert.equal(countOpen(), 16);
  // A successor that comes now waits until these are closed, which say nothing.
  await holders.add(NEW).take();
  assert.deepEqual(holders.takenOver, [{ endpoint: endpointOf(holders.directory, NEW), isFenced: false }]);
  assert.equal(countOpen(), 0);
});

test('C12: when the socket is removed at the moment a successor starts, one driver of the two goes on', async (t) => {
  const holders = await Holders.create(t);
  const old = holders.add(OLD);
  await old.take();
  await rm(join(holders.directory, 'holder.sock'));
  await holders.add(NEW, { holderTimeouts }).take();
  await eventually('one of the two hands over', () => holders.takenOver.length === 1, 3_000);
  await setTimeout(200);
  assert.equal(holders.takenOver.length, 1, 'and only one');
});
