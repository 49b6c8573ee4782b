import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../claims/ledger.ts';
import { smtMachine } from '../claims/testing/fixtures.ts';
import { CpuSet } from '../cpuset/cpu-set.ts';
import { enumerateDevices } from '../devices/device.ts';
import { Containers } from '../driver/containers.ts';
import { silentLog } from '../lib/log.ts';
import { HealthMonitor } from './health-monitor.ts';

test('HealthMonitor tells the kubelet no more of devices once another driver has the node', () => {
  const topology = smtMachine({ cores: 2 });
  const devices = enumerateDevices(topology, { kind: 'grouped', groupBy: 'numanode' }, CpuSet.empty);
  const ledger = new Ledger(devices);
  const pinning = {
    containers: new Containers(ledger, silentLog),
    driftReport: undefined,
    whyNotPinning: undefined as string | undefined,
  };
  const machine = { driverName: 'dra.cpu', pool: 'node-a', topology, devices };
  const monitor = new HealthMonitor({ foundation: { machine, ledger }, pinning, setStatus: () => {} });
  assert.deepEqual(
    monitor.read().map(({ deviceName, health }) => [deviceName, health]),
    [['cpudevnuma000', 'Healthy']],
  );
  monitor.silence();
  pinning.whyNotPinning = 'the runtime was left';
  assert.deepEqual(monitor.read(), []);
});
