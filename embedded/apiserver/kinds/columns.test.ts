import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newCluster, pod } from '../testing/cluster.ts';
import { shortDuration } from './columns.ts';
import { KINDS } from './kinds.ts';

/** The cells of an object by column. */
function cells(resource: string, object: object): Record<string, string | number> {
  const columns = KINDS.find(({ key }) => key === resource)?.columns ?? [];
  const stored = { apiVersion: 'v1', kind: 'x', metadata: { name: 'x' }, ...object } as never;
  return Object.fromEntries(
    columns.map((column) => [column.name, column.value(stored, new Date('2026-01-01T01:00:00Z'))]),
  );
}

describe('shortDuration', () => {
  const durations: [number, string][] = [
    [-3, '0s'],
    [0.4, '0s'],
    [119, '119s'],
    [120, '2m'],
    [200, '3m20s'],
    [601, '10m'],
    [7200, '120m'],
    [10_800, '3h'],
    [3 * 3600 + 1500, '3h25m'],
    [40 * 3600, '40h'],
    [75 * 3600, '3d3h'],
    [60 * 86_400, '60d'],
  ];
  for (const [seconds, text] of durations) {
    it(`writes ${seconds} s as ${text}`, () => assert.equal(shortDuration(seconds), text));
  }
});

describe('columns', () => {
  it('of pods count containers and say what they wait for', () => {
    const containerStatuses = [
      { name: 'a', ready: true, restartCount: 2 },
      { name: 'b', ready: false, restartCount: 1, state: { waiting: { reason: 'CreateContainerError' } } },
    ];
    const { Ready, Status, Restarts } = cells('pods', {
      spec: { containers: [{ name: 'a' }, { name: 'b' }] },
      status: { phase: 'Pending', containerStatuses },
    });
    assert.deepEqual([Ready, Status, Restarts], ['1/2', 'CreateContainerError', '3']);
  });

  it('of nodes show readiness, roles and cordon', () => {
    const node = {
      metadata: { name: 'n1', labels: { 'node-role.kubernetes.io/worker': '' } },
      spec: { unschedulable: true },
      status: { conditions: [{ type: 'Ready', status: 'True' }], nodeInfo: { kubeletVersion: 'v1.36.0' } },
    };
    const { Status, Roles, Version } = cells('nodes', node);
    assert.deepEqual([Status, Roles, Version], ['Ready,SchedulingDisabled', 'worker', 'v1.36.0']);
    assert.equal(cells('nodes', {})['Status'], 'Unknown');
  });

  it('of claims show their state', () => {
    const allocation = { devices: {} };
    const state = (claim: object) => cells('resourceclaims', claim)['State'];
    assert.equal(state({}), 'pending');
    assert.equal(state({ status: { allocation } }), 'allocated');
    assert.equal(state({ status: { allocation, reservedFor: [{}] } }), 'allocated,reserved');
    assert.equal(
      state({ metadata: { name: 'x', deletionTimestamp: 'now' }, status: { allocation } }),
      'deleted,allocated',
    );
  });

  it('of events show when, about what and why', () => {
    const event = {
      involvedObject: { kind: 'Pod', name: 'db' },
      lastTimestamp: '2026-01-01T00:59:00Z',
      reason: 'Told',
      message: 'hello',
    };
    const row = cells('events', event);
    assert.deepEqual(
      [row['Last Seen'], row['Object'], row['Reason'], row['Message']],
      ['60s', 'pod/db', 'Told', 'hello'],
    );
  });
});

describe('pods', () => {
  const resources = (limits: object, requests?: object) => ({
    containers: [{ name: 'a', resources: { limits, ...(requests ? { requests } : {}) } }],
  });
  const classes: [string, object, string][] = [
    ['without amounts', {}, 'BestEffort'],
    ['with limits only', resources({ cpu: '1', memory: '1Gi' }), 'Guaranteed'],
    ['with less requested than allowed', resources({ cpu: '2', memory: '1Gi' }, { cpu: '1' }), 'Burstable'],
    ['without a memory limit', resources({ cpu: '2' }), 'Burstable'],
  ];
  for (const [what, spec, qosClass] of classes) {
    it(`${what} are ${qosClass}`, () =>
      assert.equal(newCluster().create('pods', pod('p', spec)).status?.qosClass, qosClass));
  }
});
