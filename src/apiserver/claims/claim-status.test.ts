import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ResourceV1Api } from '@kubernetes/client-node';
import type { Log } from '../../lib/log.ts';
import { eventually } from '../../lib/testing/eventually.ts';
import type { ApiServer, ApiServerOptions } from '../../../embedded/apiserver/api-server.ts';
import { claim } from '../../../embedded/apiserver/testing/cluster.ts';
import { type ClaimDeviceStatus, type ClaimIdentity, ClaimStatusWriter } from './claim-status.ts';
import { newCluster, officialConfig } from '../testing/cluster.ts';

const namespace = 'default';
const START = new Date('2026-01-01T00:00:00Z');

/** A device's status as the driver writes it. */
function deviceStatus(cpus: string, ready: 'True' | 'False' = 'True', shareId?: string): ClaimDeviceStatus {
  const condition = { type: 'Ready', status: ready, reason: 'Pinned', message: `CPUs ${cpus}` };
  const share = shareId === undefined ? {} : { shareId };
  return { pool: 'n1', device: 'cpudevnuma000', ...share, data: { cpus }, conditions: [condition] };
}

/** Makes a claim with two allocated devices: the driver's, and another driver's that has shown something. */
function allocate(server: ApiServer, name: string, shareID?: string): ClaimIdentity {
  const made = server.store.create('resourceclaims', claim(name));
  const ours = {
    request: 'cpu',
    driver: 'dra.cpu',
    pool: 'n1',
    device: 'cpudevnuma000',
    ...(shareID ? { shareID } : {}),
  };
  const theirs = { request: 'cpu', driver: 'dra.net', pool: 'n1', device: 'eth0' };
  const status = {
    allocation: { devices: { results: [ours, theirs] } },
    devices: [{ driver: 'dra.net', pool: 'n1', device: 'eth0', data: { ip: '10.0.0.1' } }],
  };
  server.store.update('resourceclaims', { ...made, status }, { namespace, subresource: 'status' });
  return { namespace, name, uid: made.metadata.uid };
}

function shown(server: ApiServer, name: string) {
  return server.store.get('resourceclaims', name, { namespace }).status?.devices ?? [];
}

async function newWriter(t: TestContext, options: ApiServerOptions = {}) {
  const { server, client } = await newCluster(t, options);
  const warnings: string[] = [];
  const log: Log = {
    error: () => {},
    warn: (message, fields) => void warnings.push(`${message}: ${String(fields?.['reason'])}`),
    info: () => {},
    debug: () => {},
  };
  const clock = { now: START };
  const retry = { initialMs: 5, maxMs: 20 };
  const newOne = () => {
    const writer = new ClaimStatusWriter({ client, driverName: 'dra.cpu', log, now: () => clock.now, retry });
    t.after(() => writer.stop());
    return writer;
  };
  return { server, warnings, clock, newOne, writer: newOne() };
}

describe('ClaimStatusWriter', () => {
  it('shows data and conditions beside those of other drivers, and takes them out again', async (t) => {
    const { server, writer } = await newWriter(t);
    const db = allocate(server, 'db');
    writer.set(db, [deviceStatus('2-3')]);
    await writer.idle();
    const api = officialConfig(server).makeApiClient(ResourceV1Api);
    const { status } = await api.readNamespacedResourceClaim({ namespace, name: 'db' });
    assert.deepEqual(
      status?.devices?.map(({ driver, device, data }) => ({ driver, device, data })),
      [
        { driver: 'dra.net', device: 'eth0', data: { ip: '10.0.0.1' } },
        { driver: 'dra.cpu', device: 'cpudevnuma000', data: { cpus: '2-3' } },
      ],
    );
    assert.deepEqual(status?.devices?.[1]?.conditions?.[0]?.lastTransitionTime, START);
    writer.remove(db);
    await writer.idle();
    assert.deepEqual(shown(server, 'db'), [
      { driver: 'dra.net', pool: 'n1', device: 'eth0', data: { ip: '10.0.0.1' } },
    ]);
  });

  it('writes shares of a device, and only what changed', async (t) => {
    const { server, writer, clock } = await newWriter(t);
    const shareId = '11111111-2222-3333-4444-555555555555';
    const db = allocate(server, 'db', shareId);
    writer.set(db, [deviceStatus('2-3', 'True', shareId)]);
    await writer.idle();
    clock.now = new Date('2026-01-01T01:00:00Z');
    writer.set(db, [deviceStatus('2-3', 'True', shareId)]);
    await writer.idle();
    assert.equal(server.counts.of('patch', 'resourceclaims/status'), 1);
    writer.set(db, [deviceStatus('2-4', 'True', shareId)]);
    await writer.idle();
    const condition = () => shown(server, 'db').find(({ driver }) => driver === 'dra.cpu')?.conditions?.[0];
    assert.equal(condition()?.lastTransitionTime, '2026-01-01T00:00:00Z');
    assert.equal(condition()?.message, 'CPUs 2-4');
    writer.set(db, [deviceStatus('2-4', 'False', shareId)]);
    await writer.idle();
    assert.equal(condition()?.lastTransitionTime, '2026-01-01T01:00:00Z');
    assert.equal(server.counts.of('get', 'resourceclaims'), 1);
  });

  it('P17, P18: takes a condition out again that is not told any more', async (t) => {
    const { server, writer } = await newWriter(t);
    const db = allocate(server, 'db');
    const device = deviceStatus('2-3');
    const unused = { type: 'Unused', status: 'True', reason: 'ClaimNotUsed', message: 'idle' } as const;
    const types = () => shown(server, 'db')[1]?.conditions?.map(({ type }) => type);
    writer.set(db, [{ ...device, conditions: [...device.conditions, unused] }]);
    await writer.idle();
    assert.deepEqual(types(), ['Ready', 'Unused']);
    writer.set(db, [device]);
    await writer.idle();
    assert.deepEqual(types(), ['Ready']);
    assert.equal(server.counts.of('patch', 'resourceclaims/status'), 2);
  });

  it('finds what an earlier process wrote, and changes and removes it', async (t) => {
    const { server, writer, newOne } = await newWriter(t);
    const [db, web] = [allocate(server, 'db'), allocate(server, 'web')];
    writer.set(db, [deviceStatus('2-3')]);
    writer.set(web, [deviceStatus('4-5')]);
    await writer.idle();
    await writer.stop();
    const next = newOne();
    next.set(db, [deviceStatus('2-3')]);
    next.remove(web);
    await next.idle();
    assert.equal(server.counts.of('patch', 'resourceclaims/status'), 3);
    assert.equal(shown(server, 'db').length, 2);
    assert.equal(shown(server, 'web').length, 1);
  });

  it('writes only the last of many wishes', async (t) => {
    const { server, writer } = await newWriter(t);
    const db = allocate(server, 'db');
    for (let cpu = 0; cpu < 50; cpu += 1) writer.set(db, [deviceStatus(String(cpu))]);
    await writer.idle();
    assert.equal(server.counts.of('patch', 'resourceclaims/status'), 1);
    assert.deepEqual(shown(server, 'db')[1]?.data, { cpus: '49' });
  });

  it('lets claims be that are gone or were replaced', async (t) => {
    const { server, writer, warnings } = await newWriter(t);
    const db = allocate(server, 'db');
    server.store.delete('resourceclaims', 'db', { namespace });
    allocate(server, 'db');
    writer.set(db, [deviceStatus('2-3')]);
    writer.set({ ...db, name: 'none' }, [deviceStatus('2-3')]);
    await writer.idle();
    assert.equal(shown(server, 'db').length, 1);
    assert.deepEqual(warnings, []);
  });

  it('goes on after the API server was busy or away', async (t) => {
    const { server, writer } = await newWriter(t);
    const db = allocate(server, 'db');
    server.faults.failNext({ answer: 'TooManyRequests', verb: 'patch' });
    server.faults.failNext({ answer: 'reset', verb: 'patch' });
    writer.set(db, [deviceStatus('2-3')]);
    await writer.idle();
    assert.equal(shown(server, 'db').length, 2);
    await server.pause();
    writer.remove(db);
    await server.resume();
    await eventually('removed', () => shown(server, 'db').length === 1);
  });

  it('says once that it may not write, and writes once it may', async (t) => {
    const { server, writer, warnings } = await newWriter(t);
    const [db, web] = [allocate(server, 'db'), allocate(server, 'web')];
    server.faults.failNext({ answer: 'Forbidden', verb: 'patch', times: 2 });
    writer.set(db, [deviceStatus('2-3')]);
    writer.set(web, [deviceStatus('4-5')]);
    await writer.idle();
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /devices are not shown.*403 Forbidden.*resourceclaims\/status/);
    writer.set(db, [deviceStatus('2-3', 'False')]);
    await writer.idle();
    assert.equal(shown(server, 'db').length, 2);
  });

  it('names the gate of a cluster that does not keep the field', async (t) => {
    const { server, writer, warnings } = await newWriter(t);
    const db = allocate(server, 'db');
    const bare = server.store.get('resourceclaims', 'db', { namespace });
    const status = { ...bare.status, devices: undefined };
    server.store.update('resourceclaims', { ...bare, status }, { namespace, subresource: 'status' });
    server.store.featureGates = { DRAResourceClaimDeviceStatus: false };
    writer.set(db, [deviceStatus('2-3')]);
    await writer.idle();
    writer.set(db, [deviceStatus('2-4')]);
    await writer.idle();
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /DRAResourceClaimDeviceStatus/);
  });
});
