import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { CoreV1Api, EventsV1Api } from '@kubernetes/client-node';
import type { Log } from '../../lib/log.ts';
import { eventually } from '../../lib/testing/eventually.ts';
import { type DriverEvent, EventRecorder, type EventRecorderOptions, type EventSubject } from './event-recorder.ts';
import { newCluster, officialConfig } from '../testing/cluster.ts';

const namespace = 'default';
const pod: EventSubject = { kind: 'Pod', namespace, name: 'db', uid: 'uid-of-db' };

function refusal(message = 'Cannot prepare claim default/db: 4 CPUs wanted, 2 free', regarding = pod): DriverEvent {
  return { regarding, type: 'Warning', reason: 'NotEnoughCPUs', message };
}

async function newRecorder(t: TestContext, options: Partial<EventRecorderOptions> = {}) {
  const { server, client } = await newCluster(t);
  const warnings: string[] = [];
  const warn = (message: string, fields: object = {}) => void warnings.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = { error: warn, warn, info: () => {}, debug: () => {} };
  const clock = { nowMs: Date.parse('2026-01-01T00:00:00Z') };
  const recorder = new EventRecorder({
    client,
    driverName: 'dra.cpu',
    nodeName: 'n1',
    log,
    now: () => new Date(clock.nowMs),
    retry: { initialMs: 5, maxMs: 20 },
    ...options,
  });
  t.after(() => recorder.stop());
  return { server, recorder, warnings, clock };
}

describe('EventRecorder', () => {
  it('writes an event that both event APIs and their field selectors show', async (t) => {
    const { server, recorder } = await newRecorder(t);
    recorder.record(refusal());
    recorder.record({ ...refusal(), regarding: { kind: 'ResourceClaim', namespace, name: 'db', uid: 'uid-of-claim' } });
    await recorder.idle();
    const core = officialConfig(server).makeApiClient(CoreV1Api);
    const fieldSelector = 'involvedObject.kind=Pod,involvedObject.uid=uid-of-db,type=Warning';
    const { items } = await core.listNamespacedEvent({ namespace, fieldSelector });
    assert.equal(items.length, 1);
    const [event] = items;
    assert.equal(event?.reason, 'NotEnoughCPUs');
    assert.equal(event?.message, 'Cannot prepare claim default/db: 4 CPUs wanted, 2 free');
    assert.deepEqual([event?.source?.component, event?.source?.host], ['dra.cpu', 'n1']);
    assert.equal(event?.lastTimestamp?.getTime(), Date.parse('2026-01-01T00:00:00Z'));
    const events = officialConfig(server).makeApiClient(EventsV1Api);
    const claims = await events.listNamespacedEvent({ namespace, fieldSelector: 'regarding.kind=ResourceClaim' });
    assert.equal(claims.items[0]?.regarding?.apiVersion, 'resource.k8s.io/v1');
    assert.equal(claims.items[0]?.reportingController, 'dra.cpu');
  });

  it('finds the Node in namespace default', async (t) => {
    const { server, recorder } = await newRecorder(t);
    recorder.record({ ...refusal(), regarding: { kind: 'Node', name: 'n1', uid: 'n1' } });
    await recorder.idle();
    const [event] = server.store.list('events', { namespace }).items;
    assert.deepEqual(event?.involvedObject, { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'n1' });
  });

  it('goes on after the clock was set back', async (t) => {
    const { server, recorder, clock } = await newRecorder(t);
    recorder.record(refusal());
    await recorder.idle();
    clock.nowMs -= 24 * 3_600_000;
    recorder.record(refusal('another'));
    recorder.record(refusal('a third'));
    await recorder.idle();
    assert.equal(server.store.list('events').items.length, 3);
    assert.equal(recorder.droppedCount, 0);
  });

  it('counts the same event in one object', async (t) => {
    const { server, recorder, clock } = await newRecorder(t, { countIntervalMs: 20 });
    recorder.record(refusal());
    await recorder.idle();
    clock.nowMs += 5_000;
    for (let time = 0; time < 100; time += 1) recorder.record(refusal());
    const event = await eventually('counted', () =>
      server.store.list('events').items.find(({ count }) => count === 101),
    );
    assert.equal(event.lastTimestamp, '2026-01-01T00:00:05Z');
    assert.equal(server.store.list('events').items.length, 1);
    assert.equal(server.counts.of('patch', 'events'), 1);
    server.store.delete('events', event.metadata.name, { namespace });
    recorder.record(refusal());
    await eventually('made anew', () => server.store.list('events').items[0]?.count === 102);
  });

  it('begins a new series after ten quiet minutes', async (t) => {
    const { server, recorder, clock } = await newRecorder(t);
    recorder.record(refusal());
    await recorder.idle();
    clock.nowMs += 601_000;
    recorder.record(refusal());
    await recorder.idle();
    assert.deepEqual(
      server.store.list('events').items.map(({ count }) => count),
      [1, 1],
    );
  });

  it('cuts off an object that causes ever new events, and no other', async (t) => {
    const { server, recorder, clock } = await newRecorder(t);
    for (let index = 0; index < 100; index += 1) recorder.record(refusal(`refusal ${index}`));
    recorder.record(refusal('another pod', { ...pod, name: 'web', uid: 'uid-of-web' }));
    await recorder.idle();
    assert.equal(server.store.list('events').items.length, 26);
    assert.equal(recorder.droppedCount, 75);
    clock.nowMs += 300_000;
    for (let index = 0; index < 3; index += 1) recorder.record(refusal(`later ${index}`));
    await recorder.idle();
    assert.equal(server.store.list('events').items.length, 27);
  });

  it('shortens a message that the API would refuse', async (t) => {
    const { server, recorder } = await newRecorder(t);
    recorder.record(refusal('x'.repeat(5_000), { ...pod, name: 'd'.repeat(253) }));
    await recorder.idle();
    const [event] = server.store.list('events').items;
    assert.equal(event?.message?.length, 1_024);
    // The API counts bytes of UTF-8.
    recorder.record(refusal('ä'.repeat(1 << 20), { ...pod, uid: 'other' }));
    await recorder.idle();
    const umlauts = server.store.list('events').items.find(({ involvedObject }) => involvedObject?.uid === 'other');
    assert.equal(Buffer.byteLength(umlauts?.message ?? ''), 1_023);
    assert.equal(event?.metadata.name.length, 253);
  });

  it('waits for a busy API server, and says once that it may not write', async (t) => {
    const { server, recorder, warnings } = await newRecorder(t);
    server.faults.failNext({ answer: 'ServiceUnavailable', resource: 'events', times: 2 });
    recorder.record(refusal('busy'));
    await recorder.idle();
    assert.equal(server.store.list('events').items.length, 1);
    server.faults.failNext({ answer: 'Forbidden', resource: 'events', times: 2 });
    recorder.record(refusal('one'));
    recorder.record(refusal('two'));
    await recorder.idle();
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /events are not written.*grant create and patch of events/);
    server.store.create('namespaces', { metadata: { name: 'going', finalizers: ['test/keep'] } });
    server.store.delete('namespaces', 'going');
    recorder.record({ ...refusal(), regarding: { ...pod, namespace: 'going', uid: 'x' } });
    await recorder.idle();
    assert.equal(warnings.length, 1);
  });
});
