import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../claims/ledger.ts';
import { smtMachine } from '../claims/testing/fixtures.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { enumerateDevices } from '../devices/device.ts';
import type { StatusCondition } from '../prepare/claim-status.ts';
import { Containers } from '../containers/containers.ts';
import { preparedClaim } from '../containers/testing/fixtures.ts';
import { silentLog } from '../lib/log.ts';
import { HealthMonitor } from './health-monitor.ts';

/** A node of four CPUs whose containers are pinned. */
function newNode() {
  const topology = smtMachine({ cores: 2 });
  const devices = enumerateDevices(topology, { kind: 'grouped', groupBy: 'numanode' }, CpuSet.empty);
  const ledger = new Ledger(devices);
  const pinning = {
    containers: new Containers(ledger, silentLog),
    driftReport: undefined,
    whyNotPinning: undefined as string | undefined,
  };
  const machine = { driverName: 'dra.cpu', pool: 'node-a', topology, devices };
  return { foundation: { machine, ledger }, pinning };
}

test('HealthMonitor tells the kubelet no more of devices once another driver has the node', () => {
  const { foundation, pinning } = newNode();
  const monitor = new HealthMonitor({ foundation, pinning, usageOf: () => [], setStatus: () => {} });
  assert.deepEqual(
    monitor.read().map(({ deviceName, health }) => [deviceName, health]),
    [['cpudevnuma000', 'Healthy']],
  );
  monitor.silence();
  pinning.whyNotPinning = 'the runtime was left';
  assert.deepEqual(monitor.read(), []);
});

test('P17, P18: HealthMonitor shows how a claim is used in its status when that changes, and not otherwise', () => {
  const { foundation, pinning } = newNode();
  foundation.ledger.adopt(preparedClaim('a', '0,2'));
  const usage: StatusCondition[] = [];
  const shown: string[] = [];
  let heard = 0;
  const monitor = new HealthMonitor({
    foundation,
    pinning,
    usageOf: (uid) => (uid === 'a' ? usage : []),
    setStatus: ({ uid }, [device]) =>
      void shown.push([uid, ...(device?.conditions ?? []).map(({ type }) => type)].join(' ')),
  });
  monitor.subscribe(() => void (heard += 1));
  monitor.check();
  monitor.check();
  assert.deepEqual(shown, []);
  usage.push({ type: 'Unused', status: 'True', reason: 'ClaimNotUsed', message: 'no container uses it' });
  monitor.check();
  monitor.check();
  assert.deepEqual(shown, ['a Ready Aligned Drifted Unused']);
  usage.pop();
  monitor.check();
  monitor.check();
  assert.deepEqual(shown.slice(1), ['a Ready Aligned Drifted']);
  assert.equal(heard, 1, 'the health of devices, which the kubelet hears of, was the same all the while');
});
