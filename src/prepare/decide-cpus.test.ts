import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseClaim } from '../claims/claim.ts';
import { allocatedClaim, smtMachine } from '../claims/testing/fixtures.ts';
import { parseCpuList } from '../cpuset/parse.ts';
import { enumerateDevices } from '../devices/device.ts';
import { decideCpus } from './decide-cpus.ts';
import { referenceTo } from './testing/claim-fixture.ts';

const topology = smtMachine({ cores: 4 });
const devices = enumerateDevices(topology, { kind: 'grouped', groupBy: 'numanode' }, parseCpuList(''));
const claim = parseClaim(allocatedClaim('a', [{ device: 'cpudevnuma000', cpus: '2' }]), referenceTo('a'), 'dra.cpu');

for (const [what, { free, own, others }, want] of [
  ['gives a claim the CPUs that it had', { free: '0-7', own: '2,6', others: '' }, '2,6'],
  ['gives it those also when other claims had them', { free: '0-7', own: '2,6', others: '0-7' }, '2,6'],
  ['chooses anew when they are taken', { free: '0-1,4-7', own: '2,6', others: '' }, '0,4'],
  ['chooses anew when they are not as many', { free: '0-7', own: '2-3,6', others: '' }, '0,4'],
  ['leaves others what they had', { free: '0-7', own: undefined, others: '0,4' }, '1,5'],
  ['takes what others had when nothing else is left', { free: '0-1,4-5', own: undefined, others: '0-1,4' }, '0,4'],
] as const) {
  test(`decideCpus R3: ${what}`, () => {
    const context = { topology, devices, pool: 'node-a', free: parseCpuList(free), describeHolders: () => 'nobody' };
    const earlier = { own: own === undefined ? undefined : parseCpuList(own), others: parseCpuList(others) };
    assert.equal(decideCpus(claim, context, earlier).cpus.toString(), want);
  });
}
